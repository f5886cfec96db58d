//! Claims about CPUID.

use crate::processor::{OSXSAVE, cpuid, cr4, has_xsave, read_msr, set_cr4};
use crate::{Verdict, exception_of, expect, require};

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
    if !has_xsave() {
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

/// An area for XSAVES.
#[repr(align(64))]
struct Area([u64; 512]);

pub(super) fn is_right_about_xsaves() -> Verdict {
    if !has_xsave() {
        return Ok(());
    }
    // OSFXSR and OSXSAVE.
    set_cr4(cr4() | 1 << 9 | OSXSAVE);
    require("XCR0", exception_of!("xor ecx, ecx; xor edx, edx; mov eax, 3; xsetbv").is_none())?;
    if cpuid(0xd, 1)[0] & 1 << 3 == 0 {
        let read = exception_of!("mov ecx, 0xda0; rdmsr");
        return require("without XSAVES there is no IA32_XSS", read == Some((13, 0)));
    }
    expect("IA32_XSS", read_msr(0xda0), 0)?;
    let same = exception_of!("mov ecx, 0xda0; xor eax, eax; xor edx, edx; wrmsr");
    require("IA32_XSS takes what it holds", same.is_none())?;
    let other = exception_of!("mov ecx, 0xda0; mov eax, 0x100; xor edx, edx; wrmsr");
    require("there are no supervisor components", other == Some((13, 0)))?;
    expect("bytes of x87 and SSE in compacted format", u64::from(cpuid(0xd, 1)[1]), 576)?;
    let mut area = Area([0; 512]);
    let seen: u64;
    unsafe {
        core::arch::asm!(
            "mov rax, 0x1234567887654321",
            "movq xmm3, rax",
            "mov eax, 3",
            "xor edx, edx",
            "xsaves64 [{area}]",
            "pxor xmm3, xmm3",
            "xrstors64 [{area}]",
            "movq {seen}, xmm3",
            area = in(reg) &raw mut area, seen = out(reg) seen,
            out("rax") _, out("rdx") _,
        );
    }
    expect("XRSTORS brings back what XSAVES has saved", seen, 0x1234_5678_8765_4321)?;
    require("the format is the compacted one", area.0[65] >> 63 == 1)
}
