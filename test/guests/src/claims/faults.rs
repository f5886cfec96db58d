//! Claims about what becomes a fault.

use crate::processor::{OSXSAVE, cr0, cr4, has_xsave, set_cr4};
use crate::traps::count;
use crate::{Failure, Verdict, exception_of, expect, require};

const UNDEFINED: u64 = 6;
const PROTECTION: u64 = 13;

/// Fails unless this exception came.
pub(super) fn expect_fault(what: &'static str, came: Option<(u8, u64)>, vector: u64) -> Verdict {
    match came {
        Some((found, _)) => expect(what, u64::from(found), vector),
        None => Err(Failure { what, found: u64::MAX, wanted: vector }),
    }
}

pub(super) fn svm_instructions_are_undefined() -> Verdict {
    expect_fault("VMRUN", exception_of!("xor eax, eax; .byte 0x0f, 0x01, 0xd8"), UNDEFINED)?;
    expect_fault("VMLOAD", exception_of!("xor eax, eax; .byte 0x0f, 0x01, 0xda"), UNDEFINED)?;
    expect_fault("VMSAVE", exception_of!("xor eax, eax; .byte 0x0f, 0x01, 0xdb"), UNDEFINED)?;
    expect_fault("STGI", exception_of!(".byte 0x0f, 0x01, 0xdc"), UNDEFINED)?;
    expect_fault("CLGI", exception_of!(".byte 0x0f, 0x01, 0xdd"), UNDEFINED)?;
    expect_fault("SKINIT", exception_of!("xor eax, eax; .byte 0x0f, 0x01, 0xde"), UNDEFINED)?;
    expect_fault("INVLPGA", exception_of!("xor eax, eax; xor ecx, ecx; .byte 0x0f, 0x01, 0xdf"), UNDEFINED)
}

pub(super) fn monitor_and_mwait_are_undefined() -> Verdict {
    expect_fault(
        "MONITOR",
        exception_of!("xor eax, eax; xor ecx, ecx; xor edx, edx; .byte 0x0f, 0x01, 0xc8"),
        UNDEFINED,
    )?;
    expect_fault("MWAIT", exception_of!("xor eax, eax; xor ecx, ecx; .byte 0x0f, 0x01, 0xc9"), UNDEFINED)
}

/// Only what ring 0 checks: what it leaves to the processor, the emulator does not check as hardware does.
pub(super) fn bad_control_bits() -> Verdict {
    let before = (cr0(), cr4());
    expect_fault(
        "paging off in long mode",
        exception_of!("mov rax, cr0; btr rax, 31; mov cr0, rax"),
        PROTECTION,
    )?;
    expect_fault(
        "NW without CD",
        exception_of!("mov rax, cr0; bts rax, 29; btr rax, 30; mov cr0, rax"),
        PROTECTION,
    )?;
    expect("CR0 is as it was", cr0(), before.0)?;
    expect("CR4 is as it was", cr4(), before.1)
}

pub(super) fn bad_xcr0() -> Verdict {
    if !has_xsave() {
        return Ok(());
    }
    expect_fault(
        "XSETBV without OSXSAVE",
        exception_of!("xor ecx, ecx; xor edx, edx; mov eax, 1; xsetbv"),
        UNDEFINED,
    )?;
    set_cr4(cr4() | OSXSAVE);
    require(
        "a valid value is taken",
        exception_of!("xor ecx, ecx; xor edx, edx; mov eax, 3; xsetbv").is_none(),
    )?;
    expect_fault("no x87", exception_of!("xor ecx, ecx; xor edx, edx; mov eax, 2; xsetbv"), PROTECTION)?;
    expect_fault(
        "AVX without SSE",
        exception_of!("xor ecx, ecx; xor edx, edx; mov eax, 5; xsetbv"),
        PROTECTION,
    )?;
    expect_fault(
        "a component that does not exist",
        exception_of!("xor ecx, ecx; mov edx, 0x40000000; mov eax, 3; xsetbv"),
        PROTECTION,
    )?;
    expect_fault("XCR1", exception_of!("mov ecx, 1; xor edx, edx; mov eax, 1; xsetbv"), PROTECTION)
}

pub(super) fn a_breakpoint_storm_ends() -> Verdict {
    for _ in 0..100 {
        require("INT3 arrives", exception_of!("int3") == Some((3, 0)))?;
    }
    expect("each came once", count(3), 100)
}
