//! Claims about control registers, debug registers and MSRs that are abused.

use super::faults::expect_fault;
use crate::modes::cr4::{PAE, PGE};
use crate::processor::{Random, cr0, cr4, read_msr, set_cr0, set_cr4, write_msr};
use crate::{Verdict, exception_of, expect, require};
use core::arch::asm;

const UNDEFINED: u64 = 6;
const PROTECTION: u64 = 13;
const TASK_SWITCHED: u64 = 1 << 3;
const CACHE_DISABLE: u64 = 1 << 30;
const NOT_WRITE_THROUGH: u64 = 1 << 29;

/// CLTS, LMSW and SMSW with registers, and moves with several registers.
fn status_word_works() -> Verdict {
    let start = cr0() & !TASK_SWITCHED;
    set_cr0(start | TASK_SWITCHED);
    require("TS is set", cr0() & TASK_SWITCHED != 0)?;
    unsafe { asm!("clts") };
    require("CLTS clears it", cr0() & TASK_SWITCHED == 0)?;
    let (word, long): (u64, u64);
    unsafe {
        asm!("mov {0}, -1", "smsw {0:x}", out(reg) word);
        asm!("smsw {0:r}", out(reg) long);
    }
    expect("SMSW of 16 bits", word, start & 0xffff | !0xffff)?;
    expect("SMSW of 64 bits shows CR0", long & 0xffff, start & 0xffff)?;
    let with_ts = (start | TASK_SWITCHED) as u16;
    unsafe { asm!("lmsw {0:x}", in(reg) with_ts) };
    require("LMSW sets TS", cr0() & TASK_SWITCHED != 0)?;
    let without = start as u16 & !0xf;
    unsafe { asm!("lmsw {0:x}", in(reg) without) };
    expect("LMSW clears all but PE", cr0() & 0xf, 1)?;
    let (first, last): (u64, u64);
    unsafe { asm!("mov r8, cr0", "mov r15, cr0", out("r8") first, out("r15") last) };
    expect("any register reads it", first, last)?;
    set_cr0(start);
    expect("CR0 is as it was", cr0(), start)
}

pub(super) fn the_status_word_works() -> Verdict {
    status_word_works()?;
    let start = cr0();
    let mut in_memory = 0xffff_ffffu32;
    unsafe { asm!("smsw [{0}]", in(reg) &raw mut in_memory) };
    expect("SMSW to memory", u64::from(in_memory), start & 0xffff | 0xffff_0000)?;
    let without = start as u16 & !0xf;
    unsafe { asm!("lmsw [{0}]", in(reg) &raw const without) };
    expect("LMSW from memory clears all but PE", cr0() & 0xf, 1)?;
    set_cr0(start);
    Ok(())
}

pub(super) fn the_status_word_works_without_caches() -> Verdict {
    let before = cr0();
    for bits in [CACHE_DISABLE, CACHE_DISABLE | NOT_WRITE_THROUGH] {
        set_cr0(before | bits);
        expect("CR0 shows what was written", cr0() & (CACHE_DISABLE | NOT_WRITE_THROUGH), bits)?;
        let verdict = status_word_works();
        expect("and still does", cr0() & (CACHE_DISABLE | NOT_WRITE_THROUGH), bits)?;
        set_cr0(before);
        verdict?;
    }
    expect("CR0 is as it was", cr0(), before)
}

pub(super) fn control_registers_keep_their_values() -> Verdict {
    let (cr2, cr8): (u64, u64);
    unsafe { asm!("mov cr2, {0}", "mov {1}, cr2", in(reg) 0x1234_5678_9abc_u64, out(reg) cr2) };
    expect("CR2", cr2, 0x1234_5678_9abc)?;
    unsafe { asm!("mov cr8, {0}", "mov {1}, cr8", in(reg) 9u64, out(reg) cr8) };
    expect("CR8", cr8, 9)?;
    expect("the APIC shows CR8", u64::from(crate::apic::read(crate::apic::register::TASK_PRIORITY)), 0x90)?;
    unsafe { asm!("mov cr8, {0}", in(reg) 0u64) };
    let before = cr4();
    set_cr4(before ^ u64::from(PGE));
    expect("CR4", cr4(), before ^ u64::from(PGE))?;
    set_cr4(before);
    expect_fault("CR1", exception_of!("mov rax, 1; .byte 0x0f, 0x20, 0xc8"), UNDEFINED)?;
    expect_fault("CR5", exception_of!(".byte 0x0f, 0x20, 0xe8"), UNDEFINED)?;
    expect_fault("CR15", exception_of!(".byte 0x44, 0x0f, 0x20, 0xf8"), UNDEFINED)?;
    expect_fault("CR7", exception_of!("xor eax, eax; .byte 0x0f, 0x22, 0xf8"), UNDEFINED)
}

pub(super) fn illegal_control_bits_do_not_stick() -> Verdict {
    let before = (cr0(), cr4());
    expect_fault("CR8 above 15", exception_of!("mov eax, 16; mov cr8, rax"), PROTECTION).or_else(|why| {
        // QEMU masks the value; where ring 0 sees the write, it faults.
        let cr8: u64;
        unsafe { asm!("mov {0}, cr8", "mov cr8, {1}", out(reg) cr8, in(reg) 0u64) };
        if cr8 == 0 { Ok(()) } else { Err(why) }
    })?;
    let high = exception_of!("mov rax, cr0; bts rax, 40; mov cr0, rax");
    require("high bits of CR0 fault or are ignored", matches!(high, None | Some((13, 0))))?;
    let paging = exception_of!("mov rax, cr0; btr rax, 0; mov cr0, rax");
    expect_fault("protection off with paging", paging, PROTECTION)?;
    expect("CR0 is as it was", cr0(), before.0)?;
    expect("CR4 is as it was", cr4(), before.1)?;
    // VMXE, SMXE, PKE and bits that do not exist.
    for bit in [13u32, 14, 15, 22, 25, 30, 40, 63] {
        expect_fault("a bit of CR4 that is not offered", set_cr4_bit(bit), PROTECTION)?;
        expect("the bit is not set", cr4(), before.1)?;
    }
    let came = exception_of!("mov rax, cr4; btr rax, 5; mov cr4, rax");
    expect_fault("PAE off in long mode", came, PROTECTION)?;
    require("PAE is still on", cr4() & u64::from(PAE) != 0)?;
    if crate::processor::is_qemu() {
        return crate::skip("QEMU does not check CR3, and refuses to go on with what it took");
    }
    let table = exception_of!("mov rax, cr3; bts rax, 60; mov cr3, rax");
    expect_fault("a reserved bit of CR3", table, PROTECTION)
}

fn set_cr4_bit(bit: u32) -> Option<(u8, u64)> {
    crate::traps::arm();
    unsafe {
        asm!(
            "lea {scratch}, [rip + 77f]",
            "mov [rip + {resume}], {scratch}",
            "mov cr4, {value}",
            "77:",
            scratch = out(reg) _,
            resume = sym crate::traps::RESUME,
            value = in(reg) cr4() | 1 << bit,
        );
    }
    crate::traps::disarm()
}

pub(super) fn debug_registers_keep_their_values() -> Verdict {
    let values: [u64; 4];
    unsafe {
        let (mut a, mut b, mut c, mut d) = (0x1000u64, 0x2000u64, 0x1_0000_0000u64, u64::MAX);
        asm!("mov dr0, {0}", "mov dr1, {1}", "mov dr2, {2}", "mov dr3, {3}", in(reg) a, in(reg) b, in(reg) c, in(reg) d);
        crate::processor::cpuid(0, 0);
        asm!("mov {0}, dr0", "mov {1}, dr1", "mov {2}, dr2", "mov {3}, dr3", out(reg) a, out(reg) b, out(reg) c, out(reg) d);
        values = [a, b, c, d];
    }
    expect("DR0", values[0], 0x1000)?;
    expect("DR1", values[1], 0x2000)?;
    expect("DR2", values[2], 0x1_0000_0000)?;
    expect("DR3", values[3], u64::MAX)?;
    let (six, seven): (u64, u64);
    unsafe {
        asm!("mov dr6, {0}", "mov dr7, {0}", in(reg) 0u64);
        asm!("mov {0}, dr6", "mov {1}, dr7", out(reg) six, out(reg) seven);
    }
    expect("the fixed bits of DR6", six, 0xffff_0ff0)?;
    expect("the fixed bit of DR7", seven, 0x400)?;
    expect_fault("high bits of DR6", exception_of!("mov eax, 1; shl rax, 32; mov dr6, rax"), PROTECTION)?;
    expect_fault("high bits of DR7", exception_of!("mov eax, 1; shl rax, 40; mov dr7, rax"), PROTECTION)?;
    require("DR4 is DR6", exception_of!("mov rax, dr4").is_none())?;
    set_cr4(cr4() | 1 << 3);
    let (four, five) = (exception_of!("mov rax, dr4"), exception_of!("mov dr5, rax"));
    set_cr4(cr4() & !(1 << 3));
    expect_fault("DR4 with DE", four, UNDEFINED)?;
    expect_fault("DR5 with DE", five, UNDEFINED)?;
    expect_fault("DR8", exception_of!(".byte 0x44, 0x0f, 0x21, 0xc0"), UNDEFINED)
}

/// The exception of writing an MSR.
pub(super) fn try_write(number: u32, value: u64) -> Option<(u8, u64)> {
    crate::traps::arm();
    unsafe {
        asm!(
            "lea {scratch}, [rip + 77f]",
            "mov [rip + {resume}], {scratch}",
            "wrmsr",
            "77:",
            scratch = out(reg) _,
            resume = sym crate::traps::RESUME,
            in("ecx") number, in("eax") value as u32, in("edx") (value >> 32) as u32,
        );
    }
    crate::traps::disarm()
}

/// The exception of reading an MSR.
pub(super) fn try_read(number: u32) -> Option<(u8, u64)> {
    crate::traps::arm();
    unsafe {
        asm!(
            "lea {scratch}, [rip + 77f]",
            "mov [rip + {resume}], {scratch}",
            "rdmsr",
            "77:",
            scratch = out(reg) _,
            resume = sym crate::traps::RESUME,
            in("ecx") number, out("eax") _, out("edx") _,
        );
    }
    crate::traps::disarm()
}

pub(super) fn illegal_msr_values_fault() -> Verdict {
    let base = read_msr(0x1b);
    let writes = [
        ("a reserved bit of APIC_BASE", 0x1b, base | 1),
        ("an APIC beyond physical memory", 0x1b, base | 1 << 60),
        ("x2APIC without the APIC", 0x1b, base & !(1 << 11) | 1 << 10),
        ("a memory type that does not exist in PAT", 0x277, 2),
        ("another one", 0x277, 0x0800_0000_0000_0000),
        ("MTRR capabilities", 0xfe, 0),
        ("a default memory type that does not exist", 0x2ff, 0xc02),
        ("a bad variable range", 0x200, 1 << 63),
        ("bad fixed ranges", 0x250, 0x0303),
        ("reserved bits of EFER", 0xc000_0080, u64::MAX),
        ("machine check status", 0x17a, 4),
        ("an x2APIC register in xAPIC mode", 0x80b, 0),
    ];
    for (what, number, value) in writes {
        expect_fault(what, try_write(number, value), PROTECTION)?;
    }
    expect_fault("reading an x2APIC register in xAPIC mode", try_read(0x802), PROTECTION)?;
    expect("APIC_BASE is as it was", read_msr(0x1b), base)?;
    crate::apic::use_x2apic();
    expect_fault("from x2APIC to xAPIC", try_write(0x1b, base), PROTECTION)?;
    expect_fault("the id in x2APIC mode", try_write(0x802, 1), PROTECTION)?;
    expect_fault("EOI with a value", try_write(0x80b, 1), PROTECTION)?;
    expect_fault("an x2APIC register that does not exist", try_read(0x80e), PROTECTION)?;
    expect_fault("the arbitration priority", try_read(0x809), PROTECTION)
}

/// The processor checks these itself; what it takes must not harm anybody.
pub(super) fn noncanonical_bases_do_no_harm() -> Verdict {
    let numbers = [0xc000_0082, 0xc000_0083, 0xc000_0100, 0xc000_0101, 0xc000_0102, 0x175, 0x176];
    for number in numbers {
        let before = read_msr(number);
        for value in [0x8000_0000_0000_0000, 0x1234_5678_9abc_def0, 0x0100_0000_0000_0000, 1 << 47] {
            let came = try_write(number, value);
            require("taken or #GP(0)", matches!(came, None | Some((13, 0))))?;
            // Exits of both kinds while it stands.
            crate::processor::cpuid(0, 0);
            crate::processor::read_port(0x61);
            require("readable", try_read(number).is_none())?;
        }
        write_msr(number, before);
        expect("a good value is taken again", read_msr(number), before)?;
    }
    Ok(())
}

pub(super) fn machine_check_msrs_do_no_harm() -> Verdict {
    let banks = read_msr(0x179) & 0xff;
    for number in 0x400..0x400 + 4 * 32 {
        let came = try_read(number);
        require("a bank's register is there or #GP(0)", matches!(came, None | Some((13, 0))))?;
        let written = try_write(number, u64::MAX);
        require("a write is taken or #GP(0)", matches!(written, None | Some((13, 0))))?;
    }
    require("registers beyond the banks fault", banks > 31 || try_read(0x400 + 4 * 31).is_some())?;
    write_msr(0x17a, 0);
    expect("no machine check is in progress", read_msr(0x17a), 0)?;
    let before = cr4();
    set_cr4(before | 1 << 6);
    require("CR4.MCE can be set", cr4() & 1 << 6 != 0)?;
    set_cr4(before);
    Ok(())
}

/// MSR numbers of one storm.
const NUMBERS: u32 = 4_000;

pub(super) fn a_storm_of_msrs() -> Verdict {
    let mut random = Random::new(0x1234_5678_9abc_def1);
    for _ in 0..NUMBERS {
        let raw = random.next();
        let range = [0, 0x400, 0x800, 0xc000_0000, 0xc001_0000, 0xc001_1000, 0x4000_0000];
        let number = (range[(raw >> 32) as usize % range.len()] + raw as u32 % 0x400) & !1 | raw as u32 >> 31;
        if is_spared(number) {
            continue;
        }
        let came = try_read(number);
        require("read or #GP(0)", matches!(came, None | Some((13, 0))))?;
        let before = came.is_none().then(|| read_msr(number));
        let written = try_write(number, random.next());
        require("written or #GP(0)", matches!(written, None | Some((13, 0))))?;
        if let Some(before) = before {
            try_write(number, before);
        }
    }
    Ok(())
}

/// What takes the ground from under this kernel: EFER, the time stamp counter's adjustment is harmless.
fn is_spared(number: u32) -> bool {
    matches!(number, 0xc000_0080 | 0x1b)
}
