//! Claims about MSRs.

use crate::processor::{read_msr, write_msr};
use crate::{Verdict, exception_of, expect, require};

pub(super) fn unknown_ones_fault() -> Verdict {
    let read = exception_of!("mov ecx, 0x12345678; rdmsr");
    require("reading raises #GP(0)", read == Some((13, 0)))?;
    let write = exception_of!("mov ecx, 0x12345678; xor eax, eax; xor edx, edx; wrmsr");
    require("writing raises #GP(0)", write == Some((13, 0)))?;
    let host = exception_of!("mov ecx, 0xc0010117; rdmsr");
    require("the host's save area is out of reach", host == Some((13, 0)))
}

pub(super) fn efer_keeps_its_rules() -> Verdict {
    let before = read_msr(0xc000_0080);
    require("SVME is not seen", before & 1 << 12 == 0)?;
    let svme = exception_of!("mov ecx, 0xc0000080; rdmsr; bts eax, 12; wrmsr");
    require("SVME cannot be set", svme == Some((13, 0)))?;
    let long_mode_off = exception_of!("mov ecx, 0xc0000080; rdmsr; btr eax, 8; wrmsr");
    require("LME cannot change while paging is on", long_mode_off == Some((13, 0)))?;
    let reserved = exception_of!("mov ecx, 0xc0000080; rdmsr; bts edx, 20; wrmsr");
    require("reserved bits are refused", reserved == Some((13, 0)))?;
    expect("EFER is as it was", read_msr(0xc000_0080), before)
}

pub(super) fn kept() -> Verdict {
    // LSTAR, CSTAR, SFMASK, FS base, GS base, KernelGsBase, SYSENTER_EIP.
    let numbers = [0xc000_0082, 0xc000_0083, 0xc000_0084, 0xc000_0100, 0xc000_0101, 0xc000_0102, 0x176];
    for (index, number) in numbers.into_iter().enumerate() {
        write_msr(number, 0x1000 + index as u64 * 8);
    }
    // Exits of every kind between, so that the world was switched.
    crate::processor::cpuid(0, 0);
    crate::processor::read_port(0x61);
    for (index, number) in numbers.into_iter().enumerate() {
        expect("an MSR kept its value", read_msr(number), 0x1000 + index as u64 * 8)?;
    }
    Ok(())
}
