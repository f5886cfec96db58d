//! Claims about CPUID.

use crate::processor::{cpuid, cr4, set_cr4};
use crate::{Verdict, expect, require};

const OSXSAVE: u64 = 1 << 18;

pub(super) fn shows_a_hypervisor_and_no_svm() -> Verdict {
    require("leaf 1 has the hypervisor bit", cpuid(1, 0)[2] >> 31 == 1)?;
    require("there are hypervisor leaves", cpuid(0x4000_0000, 0)[0] >= 0x4000_0000)?;
    require("there is no SVM to see", cpuid(0x8000_0001, 0)[2] & 1 << 2 == 0)?;
    require("there is no MONITOR to see", cpuid(1, 0)[2] & 1 << 3 == 0)?;
    expect("a leaf beyond all is like the largest basic one", u64::from(cpuid(0x3fff_ffff, 0)[1]), {
        let largest = cpuid(0, 0)[0];
        u64::from(cpuid(largest, 0)[1])
    })
}

pub(super) fn follows_osxsave() -> Verdict {
    let shows = || cpuid(1, 0)[2] >> 27 & 1 == 1;
    if cpuid(1, 0)[2] >> 26 & 1 == 0 {
        return Ok(());
    }
    require("OSXSAVE is off at first", !shows())?;
    set_cr4(cr4() | OSXSAVE);
    require("OSXSAVE follows CR4", shows())
}

pub(super) fn a_prefixed_one_is_one_instruction() -> Verdict {
    let mut count = 0u64;
    for _ in 0..4 {
        unsafe {
            core::arch::asm!(
                "mov {saved}, rbx",
                "mov eax, 0",
                ".byte 0x66, 0x48, 0x0f, 0xa2",
                "inc {count}",
                "mov rbx, {saved}",
                saved = out(reg) _, count = inout(reg) count,
                out("rax") _, out("rcx") _, out("rdx") _,
            );
        }
        let plain = cpuid(0, 0)[0];
        require("the plain one works between them", plain >= 1)?;
    }
    expect("the instruction behind it ran", count, 4)
}
