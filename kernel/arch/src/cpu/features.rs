//! What this processor can do, and turning it on.

use super::{control, msr, port};
use core::arch::x86_64::{__cpuid, __cpuid_count, CpuidResult};

/// CPUID leaf `leaf`, or zeros if the processor has no such leaf.
pub fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    let highest = __cpuid(leaf & 0xffff_0000).eax;
    if leaf > highest || highest & 0xffff_0000 != leaf & 0xffff_0000 {
        return CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 };
    }
    __cpuid_count(leaf, subleaf)
}

/// Whether this is the emulator Bochs, which answers at its debug port; virtual machines that have such a port too say that they
/// are some. What it gets wrong is worked around where that keeps guests from harming the host.
pub(crate) fn is_bochs() -> bool {
    port::read_u8(0xe9) == 0xe9 && !has(cpuid(1, 0).ecx, 31)
}

/// Whether bit `bit` of `word` is set.
const fn has(word: u32, bit: u32) -> bool {
    word & 1 << bit != 0
}

/// Features of the boot processor that decide how the kernel works; the others must have them too.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// XSAVE.
    pub has_xsave: bool,
    /// XSAVEOPT.
    pub has_xsaveopt: bool,
    /// The x2APIC mode.
    pub has_x2apic: bool,
    /// The TSC-deadline mode of the APIC timer.
    pub has_tsc_deadline: bool,
    /// SMEP.
    pub has_smep: bool,
    /// SMAP.
    pub has_smap: bool,
    /// UMIP.
    pub has_umip: bool,
}

impl Features {
    /// Asks CPUID.
    pub fn detect() -> Self {
        let basic = cpuid(1, 0);
        let extended = cpuid(7, 0);
        Self {
            has_xsave: has(basic.ecx, 26),
            has_xsaveopt: has(basic.ecx, 26) && has(cpuid(0xd, 1).eax, 0),
            has_x2apic: has(basic.ecx, 21),
            has_tsc_deadline: has(basic.ecx, 24),
            has_smep: has(extended.ebx, 7),
            has_smap: has(extended.ebx, 20),
            has_umip: has(extended.ecx, 2),
        }
    }
}

/// Sets CR0, CR4, EFER and the SYSCALL flags mask of the calling processor as the kernel runs with them.
pub(crate) fn enable(features: &Features) {
    let mut cr4 = control::CR4_PAE
        | control::CR4_PGE
        | control::CR4_MCE
        | control::CR4_OSFXSR
        | control::CR4_OSXMMEXCPT;
    for (is_there, bit) in [
        (features.has_xsave, control::CR4_OSXSAVE),
        (features.has_smep, control::CR4_SMEP),
        (features.has_smap, control::CR4_SMAP),
        (features.has_umip, control::CR4_UMIP),
    ] {
        if is_there {
            cr4 |= bit;
        }
    }
    // PE, MP, ET, NE, WP, AM, PG; no EM, no TS: ring 3 may use the FPU. CD and NW (GRUB leaves them set in some
    // emulators) end.
    let cr0 = 0x8005_0033;
    // SAFETY: every 64-bit processor has EFER; SCE and NXE were checked for at entry.
    let efer = unsafe { msr::read(msr::EFER) };
    // SAFETY: adds SYSCALL and NX, which the page tables and the traps rely on.
    unsafe { msr::write(msr::EFER, efer | msr::EFER_SCE | msr::EFER_NXE) };
    // SAFETY: paging and protection stay on; write protection is what the page tables are made for.
    unsafe { control::write_cr0(cr0) };
    // SAFETY: CPUID names each of these features.
    unsafe { control::write_cr4(cr4) };
}

/// Physical address bits of this processor (CPUID 8000_0008h EAX).
pub fn physical_bits() -> u32 {
    match cpuid(0x8000_0008, 0).eax & 0xff {
        bits @ 32..=52 => bits,
        _ => 36,
    }
}

/// The processor's vendor string.
pub fn vendor() -> [u8; 12] {
    let leaf = __cpuid(0);
    let mut name = [0; 12];
    for (to, from) in name.chunks_exact_mut(4).zip([leaf.ebx, leaf.edx, leaf.ecx]) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    name
}
