//! What guests may have of this processor.

use crate::cpu::features::{cpuid, physical_bits};
use kernel_core::vcpu::Facts;
use spec::control::{CR4_LA57, CR4_OSXSAVE, CR4_PCIDE};
use spec::msr;

/// CR4 bits that every processor with virtualisation has: VME to PCE, OSFXSR, OSXMMEXCPT.
const CR4_BASE: u64 = 0x7ff;

/// Asks CPUID. `vendor` as in [`Facts::vendor`].
pub(crate) fn facts(vendor: u32) -> Facts {
    Facts {
        vendor,
        cr4_valid: cr4_valid(),
        efer_valid: efer_valid(),
        xcr0_valid: crate::extended::components(),
        physical_bits: physical_bits(),
        tsc_fraction_bits: 0,
        keeps_interrupts: false,
        has_xsaves: crate::extended::has_supervisor_form(),
        has_write_log: false,
    }
}

/// CR4 bits that this processor takes and that guests may have. Protection keys are not among them: PKRU would stay from one
/// guest to the next, because XCR0 need not name it.
fn cr4_valid() -> u64 {
    let (basic, extended) = (cpuid(1, 0), cpuid(7, 0));
    let bits = [
        (extended.ecx & 1 << 2, 1 << 11),
        (extended.ecx & 1 << 16, CR4_LA57),
        (extended.ebx & 1, 1 << 16),
        (basic.ecx & 1 << 17, CR4_PCIDE),
        (basic.ecx & 1 << 26, CR4_OSXSAVE),
        (extended.ebx & 1 << 7, 1 << 20),
        (extended.ebx & 1 << 20, 1 << 21),
    ];
    bits.iter().filter(|(is_there, _)| *is_there != 0).fold(CR4_BASE, |valid, (_, bit)| valid | bit)
}

/// EFER bits that this processor takes and that guests may have.
fn efer_valid() -> u64 {
    let extended = cpuid(0x8000_0001, 0);
    let mut valid = msr::EFER_SCE | msr::EFER_LME | msr::EFER_LMA | msr::EFER_NXE;
    if extended.edx & 1 << 25 != 0 {
        valid |= msr::EFER_FFXSR;
    }
    if extended.ecx & 1 << 17 != 0 {
        valid |= msr::EFER_TCE;
    }
    valid
}
