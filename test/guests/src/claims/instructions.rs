//! Claims about instructions that leave the guest, each with an outcome that hardware could have.

use super::faults::expect_fault;
use crate::processor::{OSXSAVE, cpuid, cr4, has_xsave, read_msr, set_cr4, ticks, write_msr};
use crate::{Verdict, exception_in_user, exception_of, expect, require};
use core::arch::asm;

const UNDEFINED: u64 = 6;
const PROTECTION: u64 = 13;
/// There is no such hypercall.
const NO_SUCH_CALL: u64 = (-1000i64) as u64;

pub(super) fn vmx_instructions_are_undefined() -> Verdict {
    expect_fault("VMXON", exception_of!("sub rsp, 8; add rsp, 8; vmxon [rsp - 8]"), UNDEFINED)?;
    expect_fault("VMCLEAR", exception_of!("vmclear [rsp - 8]"), UNDEFINED)?;
    expect_fault("VMPTRLD", exception_of!("vmptrld [rsp - 8]"), UNDEFINED)?;
    expect_fault("VMPTRST", exception_of!("vmptrst [rsp - 8]"), UNDEFINED)?;
    expect_fault("VMLAUNCH", exception_of!("vmlaunch"), UNDEFINED)?;
    expect_fault("VMRESUME", exception_of!("vmresume"), UNDEFINED)?;
    expect_fault("VMREAD", exception_of!("xor eax, eax; vmread rcx, rax"), UNDEFINED)?;
    expect_fault("VMWRITE", exception_of!("xor eax, eax; vmwrite rax, rcx"), UNDEFINED)?;
    expect_fault("VMXOFF", exception_of!("vmxoff"), UNDEFINED)?;
    expect_fault("INVEPT", exception_of!("xor eax, eax; invept rax, [rsp - 16]"), UNDEFINED)?;
    expect_fault("INVVPID", exception_of!("xor eax, eax; invvpid rax, [rsp - 16]"), UNDEFINED)?;
    expect_fault("VMFUNC", exception_of!("xor eax, eax; xor ecx, ecx; vmfunc"), UNDEFINED)
}

pub(super) fn enclaves_and_measured_starts_are_undefined() -> Verdict {
    expect_fault("ENCLS", exception_of!("xor eax, eax; .byte 0x0f, 0x01, 0xcf"), UNDEFINED)?;
    expect_fault("ENCLU", exception_of!("xor eax, eax; .byte 0x0f, 0x01, 0xd7"), UNDEFINED)?;
    expect_fault("ENCLV", exception_of!("xor eax, eax; .byte 0x0f, 0x01, 0xc0"), UNDEFINED)?;
    expect_fault("GETSEC", exception_of!("xor eax, eax; .byte 0x0f, 0x37"), UNDEFINED)?;
    expect_fault("PCONFIG", exception_of!("xor eax, eax; .byte 0x0f, 0x01, 0xc5"), UNDEFINED)?;
    expect_fault("RSM", exception_of!("rsm"), UNDEFINED)
}

/// One of the two opcodes is the hypercall of this processor; the other is undefined or patched to be one too.
pub(super) fn hypercalls_are_answered() -> Verdict {
    let mut answered = 0;
    for _ in 0..100 {
        let vmcall = call(0x7777_7777, true);
        let vmmcall = call(0x7777_7777, false);
        answered += u64::from(vmcall == Some(NO_SUCH_CALL)) + u64::from(vmmcall == Some(NO_SUCH_CALL));
        require("VMCALL is answered or undefined", matches!(vmcall, None | Some(NO_SUCH_CALL)))?;
        require("VMMCALL is answered or undefined", matches!(vmmcall, None | Some(NO_SUCH_CALL)))?;
    }
    require("one of them is answered each time", answered >= 100)?;
    let user = [
        exception_in_user!(2u64, "mov eax, 5; xor ecx, ecx; .byte 0x0f, 0x01, 0xc1"),
        exception_in_user!(2u64, "mov eax, 5; xor ecx, ecx; .byte 0x0f, 0x01, 0xd9"),
    ];
    require("ring 3 does no harm with them", user.iter().all(|came| matches!(came, None | Some((6 | 13, 0)))))
}

fn call(number: u64, is_vmcall: bool) -> Option<u64> {
    crate::traps::arm();
    let mut result = number;
    unsafe {
        asm!(
            "lea {scratch}, [rip + 77f]",
            "mov [rip + {resume}], {scratch}",
            "test {kind:e}, {kind:e}",
            "jz 76f",
            ".byte 0x0f, 0x01, 0xc1",
            "jmp 77f",
            "76:",
            ".byte 0x0f, 0x01, 0xd9",
            "77:",
            scratch = out(reg) _,
            kind = in(reg) u32::from(is_vmcall),
            resume = sym crate::traps::RESUME,
            inlateout("rax") result,
        );
    }
    crate::traps::disarm().is_none().then_some(result)
}

pub(super) fn cache_flushes_go_on() -> Verdict {
    let mut sum = 0u64;
    for _ in 0..20 {
        unsafe { asm!("wbinvd", "inc {0}", "invd", "inc {0}", inout(reg) sum) };
    }
    expect("the instructions behind them ran", sum, 40)?;
    require("WBINVD in ring 3", exception_in_user!(2u64, "wbinvd") == Some((13, 0)))?;
    require("INVD in ring 3", exception_in_user!(2u64, "invd") == Some((13, 0)))
}

pub(super) fn counters_are_out_of_reach() -> Verdict {
    expect_fault("RDPMC", exception_of!("xor ecx, ecx; rdpmc"), PROTECTION)?;
    expect_fault("RDPMC of a fixed one", exception_of!("mov ecx, 0x40000000; rdpmc"), PROTECTION)?;
    require("RDPMC in ring 3", exception_in_user!(2u64, "xor ecx, ecx; rdpmc") == Some((13, 0)))
}

pub(super) fn time_stamps_ascend() -> Verdict {
    let mut last = ticks();
    for _ in 0..10_000 {
        let now = ticks();
        require("RDTSC never goes back", now >= last)?;
        last = now;
    }
    let msr = read_msr(0x10);
    require("the MSR is the same counter", msr >= last && ticks() >= msr)?;
    write_msr(0x10, 1 << 40);
    let moved = ticks();
    require("it can be set", (1 << 40..1 << 41).contains(&moved))?;
    set_cr4(cr4() | 1 << 2);
    let denied = exception_in_user!(2u64, "rdtsc");
    let allowed = exception_of!("rdtsc");
    set_cr4(cr4() & !(1 << 2));
    require("with CR4.TSD ring 3 may not read it", denied == Some((13, 0)))?;
    require("ring 0 may", allowed.is_none())?;
    if cpuid(0x8000_0001, 0)[3] >> 27 & 1 == 0 {
        return crate::skip("this processor has no RDTSCP");
    }
    write_msr(0xc000_0103, 0x1234_5678);
    // Exits between, so that the world was switched.
    cpuid(0, 0);
    let aux: u64;
    unsafe { asm!("rdtscp", out("rcx") aux, out("rax") _, out("rdx") _) };
    expect("RDTSCP gives TSC_AUX", aux, 0x1234_5678)
}

pub(super) fn a_pause_loop_goes_on() -> Verdict {
    let mut rounds = 100_000u64;
    unsafe { asm!("2:", "pause", "dec {0}", "jnz 2b", inout(reg) rounds) };
    expect("to its end", rounds, 0)
}

pub(super) fn invpcid_follows_cpuid() -> Verdict {
    let came = exception_of!(
        "lea rcx, [rsp - 64]; mov qword ptr [rcx], 0; mov qword ptr [rcx + 8], 0; mov eax, 2; invpcid rax, [rcx]"
    );
    if cpuid(7, 0)[1] >> 10 & 1 == 0 {
        return expect_fault("INVPCID that CPUID does not show", came, UNDEFINED);
    }
    require("INVPCID works", came.is_none())?;
    let bad = exception_of!("lea rcx, [rsp - 64]; mov eax, 4; invpcid rax, [rcx]");
    expect_fault("a type that does not exist", bad, PROTECTION)
}

pub(super) fn privileged_instructions_need_ring_0() -> Verdict {
    let fault = Some((13, 0));
    require("HLT", exception_in_user!(2u64, "hlt") == fault)?;
    require("CLI", exception_in_user!(2u64, "cli") == fault)?;
    require("STI", exception_in_user!(2u64, "sti") == fault)?;
    require("RDMSR", exception_in_user!(2u64, "mov ecx, 0x1b; rdmsr") == fault)?;
    require("WRMSR", exception_in_user!(2u64, "mov ecx, 0x1b; wrmsr") == fault)?;
    require("MOV from CR0", exception_in_user!(2u64, "mov rax, cr0") == fault)?;
    require("MOV to CR3", exception_in_user!(2u64, "mov cr3, rax") == fault)?;
    require("MOV to CR8", exception_in_user!(2u64, "mov cr8, rax") == fault)?;
    require("MOV to DR7", exception_in_user!(2u64, "mov dr7, rax") == fault)?;
    require("MOV from DR6", exception_in_user!(2u64, "mov rax, dr6") == fault)?;
    require("LGDT", exception_in_user!(2u64, "lgdt [rsp]") == fault)?;
    require("LTR", exception_in_user!(2u64, "xor eax, eax; ltr ax") == fault)?;
    require("CLTS", exception_in_user!(2u64, "clts") == fault)?;
    require("LMSW", exception_in_user!(2u64, "lmsw ax") == fault)?;
    require("SWAPGS", exception_in_user!(2u64, "swapgs") == fault)?;
    require("SYSRET", exception_in_user!(2u64, "sysretq").is_some())?;
    if has_xsave() {
        set_cr4(cr4() | OSXSAVE);
    }
    let xsetbv = exception_in_user!(2u64, "xor ecx, ecx; mov eax, 1; xor edx, edx; xsetbv");
    require("XSETBV", xsetbv == if has_xsave() { fault } else { Some((6, 0)) })
}
