//! Claims about processor modes without paging, and switching between them.

use crate::modes::real::{self, function};
use crate::modes::{Kind, Visit};
use crate::processor::{cpuid, read_memory, read_msr, write_port};
use crate::{Verdict, apic, expect, require};
use core::arch::global_asm;

/// The serial line's scratch register: keeps what is written.
const SCRATCH: u32 = 0x3ff;
const APIC_VERSION: u32 = 0xfee0_0030;

pub(super) fn real_mode_computes() -> Verdict {
    let mut visit = real::visit(function::compute());
    (visit.eax, visit.ebx) = (0x1234_5678, 0x1111_1111);
    require("no exception of protected mode", visit.go().is_none())?;
    expect("no exception", real::exception().map_or(0xffff, u64::from), 0xffff)?;
    expect("the sum, through memory", u64::from(visit.eax), 0x2345_6789)?;
    expect("INT and IRET twice", u64::from(visit.ecx & 0xffff), 2)?;
    expect("where real mode put it", u64::from(read_memory(real::DATA + 0x10)), 0x2345_6789)
}

pub(super) fn real_mode_exits_are_answered() -> Verdict {
    let mut visit = real::visit(function::cpuid());
    visit.eax = 0x4000_0000;
    visit.go();
    let here = cpuid(0x4000_0000, 0);
    expect("CPUID", u64::from(visit.ebx), u64::from(here[1]))?;

    let mut visit = real::visit(function::read_msr());
    visit.ecx = 0x1b;
    visit.go();
    expect("RDMSR", u64::from(visit.eax), read_msr(0x1b) & 0xffff_ffff)?;

    let mut visit = real::visit(function::control());
    visit.go();
    expect("protection is off in CR0", u64::from(visit.eax & 1), 0)?;
    expect("SMSW shows the same", u64::from(visit.ebx & 0xffff), u64::from(visit.eax & 0xffff))?;

    let mut visit = real::visit(function::ports());
    (visit.eax, visit.edx, visit.ecx, visit.edi, visit.esi) = (0x5a, SCRATCH, 100, 0x200, 0x300);
    unsafe { core::ptr::write_bytes((real::DATA + 0x300) as *mut u8, 0xc3, 100) };
    visit.go();
    expect("REP INSB filled memory", u64::from(read_memory(real::DATA + 0x260)), 0x5a5a_5a5a)?;
    expect("REP OUTSB wrote", u64::from(visit.eax & 0xff), 0xc3)?;
    expect("the counts", u64::from(visit.edi << 16 | visit.esi), (0x264 << 16) | 0x364)
}

pub(super) fn real_mode_faults() -> Verdict {
    let faults = [("UD2", function::undefined(), 6), ("division by zero", function::divide(), 0)];
    for (what, function, vector) in faults {
        let mut visit = real::visit(function);
        require("no exception of protected mode", visit.go().is_none())?;
        expect(what, real::exception().map_or(0xffff, u64::from), vector)?;
    }
    real::visit(function::beyond()).go();
    let limit = real::exception();
    // The processor's business alone: QEMU has no segment limits.
    require("a word across the segment's end faults or is read", matches!(limit, None | Some(13)))
}

pub(super) fn big_real_mode_reaches_4_gib() -> Verdict {
    let place = crate::modes::tables::fresh_page();
    let mut visit = real::visit(function::big());
    (visit.ebx, visit.ecx, visit.edx) = (APIC_VERSION, 0xfeed_beef, place as u32);
    require("no exception of protected mode", visit.go().is_none())?;
    expect("no exception", real::exception().map_or(0xffff, u64::from), 0xffff)?;
    expect("device memory", u64::from(visit.eax), u64::from(apic::read(0x30)))?;
    expect("RAM above 1 MiB", u64::from(read_memory(place)), 0xfeed_beef)
}

pub(super) fn real_mode_halts_until_an_interrupt() -> Verdict {
    apic::enable();
    apic::write(apic::register::DIVIDER, 0b1011);
    apic::write(apic::register::TIMER, real::WAKE as u32);
    apic::write(apic::register::INITIAL_COUNT, 1_000_000);
    let mut visit = real::visit(function::halt());
    visit.go();
    apic::end_of_interrupt();
    expect("the halt ended with the interrupt", u64::from(visit.eax), 1)
}

pub(super) fn protected_16_bit_code_runs() -> Verdict {
    let mut visit = real::protected(function::protected_compute());
    (visit.eax, visit.ebx, visit.ecx) = (0x1_0000, 0x2345, 1000);
    require("no exception", visit.go().is_none())?;
    expect("the sum, through memory", u64::from(visit.eax), 0x1_2345)?;
    expect("a loop of 16-bit code", u64::from(visit.ecx), 1000)?;

    let mut visit = real::protected(function::protected_cpuid());
    visit.eax = 0x4000_0000;
    visit.go();
    expect("CPUID", u64::from(visit.ebx), u64::from(cpuid(0x4000_0000, 0)[1]))?;

    let mut visit = real::protected(function::protected_read());
    visit.ebx = APIC_VERSION;
    require("no exception", visit.go().is_none())?;
    expect("device memory", u64::from(visit.eax), u64::from(apic::read(0x30)))?;

    let came = real::protected(function::protected_beyond()).go();
    // The processor's business alone: QEMU has no segment limits.
    require("a word across the segment's end is #GP(0) or read", matches!(came, None | Some((13, 0))))
}

global_asm!(
    r#"
    .text
    .code32
    .globl protected_sum, protected_exits, protected_undefined, protected_segment
protected_sum:
    add eax, ebx
    ret
protected_exits:
    push edx
    cpuid
    mov esi, ebx
    pop edx
    mov al, 0xa5
    out dx, al
    xor eax, eax
    in al, dx
    mov ebx, [0xfee00030]
    ret
protected_undefined:
    ud2
protected_segment:
    mov ax, 0x1000
    mov fs, ax
    ret
    .code64
"#
);

unsafe extern "C" {
    static protected_sum: u8;
    static protected_exits: u8;
    static protected_undefined: u8;
    static protected_segment: u8;
}

fn protected(code: *const u8) -> Visit {
    Visit::new(Kind::Protected32, code as u64)
}

pub(super) fn protected_32_bit_code_runs() -> Verdict {
    let mut visit = protected(&raw const protected_sum);
    (visit.eax, visit.ebx) = (40, 2);
    require("no exception", visit.go().is_none())?;
    expect("a sum", u64::from(visit.eax), 42)?;

    let mut visit = protected(&raw const protected_exits);
    (visit.eax, visit.edx) = (0x4000_0000, SCRATCH);
    require("no exception", visit.go().is_none())?;
    expect("CPUID", u64::from(visit.esi), u64::from(cpuid(0x4000_0000, 0)[1]))?;
    expect("OUT and IN", u64::from(visit.eax), 0xa5)?;
    expect("device memory", u64::from(visit.ebx), u64::from(apic::read(0x30)))?;

    require("UD2", protected(&raw const protected_undefined).go() == Some((6, 0)))?;
    let came = protected(&raw const protected_segment).go();
    require("a selector beyond the table is #GP(selector)", came == Some((13, 0x1000)))
}

pub(super) fn modes_can_be_switched_often() -> Verdict {
    for round in 0..50u32 {
        let mut visit = real::visit(function::compute());
        (visit.eax, visit.ebx) = (round, 1);
        visit.go();
        expect("real mode", u64::from(visit.eax), u64::from(round) + 1)?;
        let mut visit = protected(&raw const protected_sum);
        (visit.eax, visit.ebx) = (round, 2);
        visit.go();
        expect("32-bit protected mode", u64::from(visit.eax), u64::from(round) + 2)?;
        let mut visit = real::protected(function::protected_compute());
        (visit.eax, visit.ebx, visit.ecx) = (round, 3, 1);
        visit.go();
        expect("16-bit protected mode", u64::from(visit.eax), u64::from(round) + 3)?;
        write_port(SCRATCH as u16, round as u8);
    }
    Ok(())
}
