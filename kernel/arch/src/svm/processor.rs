//! What each processor has for its guests.

use super::{Unavailable, permissions};
use crate::X86;
use crate::cpu::expect_stray_steps;
use crate::cpu::features::{cpuid, is_bochs};
use crate::cpu::local::index;
use crate::cpu::msr;
use crate::virtualization::residue;
use base_units::Hpa;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use kernel_core::Machine;
use kernel_core::machine::CPUS_MAX;
use spec::cpuid::{ECX80000001_SVM, LEAF_SVM};
use spec::msr::{EFER_SVME, VM_CR, VM_CR_SVMDIS, VM_HSAVE_PA};
use spec::svm::feature;

/// One processor's part. Only its own processor touches it after `enable`; atomics because it is a static.
pub(super) struct Processor {
    /// Where the host's hidden state is kept while a guest runs (for VMLOAD).
    host_area: AtomicU64,
    /// The control block that ran here last.
    vmcb: AtomicU64,
}

/// What all processors of this machine have.
#[derive(Clone, Copy)]
pub(super) struct Capabilities {
    /// EDX of the SVM leaf.
    pub(super) features: u32,
    /// Identifiers, the host's 0 included.
    pub(super) asids: u32,
    /// IBPB.
    pub(super) has_branch_barrier: bool,
    /// RDTSCP or RDPID, and with them TSC_AUX.
    pub(super) has_tsc_aux: bool,
    /// Protection keys, which guests must not turn on: PKRU would stay from one guest to the next.
    pub(super) has_protection_keys: bool,
    /// VMRUN does not load the interrupt shadow, and the TSS must be "available" for I/O permission checks: QEMU's
    /// emulation of SVM.
    pub(super) forgets_shadow: bool,
    /// See `bochs`.
    pub(super) is_bochs: bool,
}

static PROCESSORS: [Processor; CPUS_MAX] = [const { Processor::new() }; CPUS_MAX];
static IS_ENABLED: AtomicBool = AtomicBool::new(false);
static CAPABILITIES: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];

const HAS_BRANCH_BARRIER: u32 = 1 << 0;
const HAS_TSC_AUX: u32 = 1 << 1;
const FORGETS_SHADOW: u32 = 1 << 2;
const IS_BOCHS: u32 = 1 << 3;
const HAS_PROTECTION_KEYS: u32 = 1 << 4;

/// CPUID leaf 7, ECX: protection keys for user pages.
const ECX7_PKU: u32 = 1 << 3;

/// Turns AMD-V on, on the calling processor. The boot processor comes first.
pub(crate) fn enable() -> Result<(), Unavailable> {
    check()?;
    if !IS_ENABLED.load(Relaxed) {
        note_capabilities();
        permissions::set_up()?;
        if capabilities().is_bochs {
            expect_stray_steps();
        }
    }
    let frame = || X86::frames().allocate_kernel().ok_or(Unavailable::NoMemory);
    let (save, host) = (frame()?, frame()?);
    let efer = crate::cpu::msr::EFER;
    // SAFETY: every 64-bit processor has EFER.
    let old = unsafe { msr::read(efer) };
    // SAFETY: CPUID says SVM and `check` saw that it is not locked off; nothing but this module uses it.
    unsafe { msr::write(efer, old | EFER_SVME) };
    // SAFETY: the frame is a kernel frame that is never freed: the processor may put its state there.
    unsafe { msr::write(VM_HSAVE_PA, save.address().raw()) };
    this().host_area.store(host.address().raw(), Relaxed);
    core::mem::forget((save, host));
    IS_ENABLED.store(true, Relaxed);
    Ok(())
}

/// Whether guests can run.
pub(super) fn is_enabled() -> bool {
    IS_ENABLED.load(Relaxed)
}

/// Whether this processor can have guests.
pub(crate) fn check() -> Result<(), Unavailable> {
    if cpuid(0x8000_0001, 0).ecx & ECX80000001_SVM == 0 {
        return Err(Unavailable::NoSvm);
    }
    // AMD APM vol. 2, 15.4: with SVMDIS set, EFER.SVME cannot be.
    if msr::try_read(VM_CR).is_some_and(|value| value & VM_CR_SVMDIS != 0) {
        return Err(Unavailable::Locked);
    }
    if cpuid(LEAF_SVM, 0).edx & feature::NESTED_PAGING == 0 {
        return Err(Unavailable::NoNestedPaging);
    }
    Ok(())
}

fn note_capabilities() {
    let leaf = cpuid(LEAF_SVM, 0);
    let emulator = cpuid(0x4000_0000, 0);
    let is_tcg = [emulator.ebx, emulator.ecx, emulator.edx]
        == [b"TCGT", b"CGTC", b"GTCG"].map(|word| u32::from_le_bytes(*word));
    let bit = |is_on: bool, bit: u32| if is_on { bit } else { 0 };
    let others = bit(residue::has_branch_barrier(), HAS_BRANCH_BARRIER)
        | bit(residue::has_tsc_aux(), HAS_TSC_AUX)
        | bit(cpuid(7, 0).ecx & ECX7_PKU != 0, HAS_PROTECTION_KEYS)
        | bit(is_tcg, FORGETS_SHADOW)
        | bit(is_bochs(), IS_BOCHS);
    for (slot, value) in CAPABILITIES.iter().zip([leaf.edx, leaf.ebx, others]) {
        slot.store(value, Relaxed);
    }
}

/// What the processors have. After [`enable`].
pub(super) fn capabilities() -> Capabilities {
    let [features, asids, others] = [0, 1, 2].map(|index: usize| CAPABILITIES[index].load(Relaxed));
    Capabilities {
        features,
        asids,
        has_branch_barrier: others & HAS_BRANCH_BARRIER != 0,
        has_tsc_aux: others & HAS_TSC_AUX != 0,
        has_protection_keys: others & HAS_PROTECTION_KEYS != 0,
        forgets_shadow: others & FORGETS_SHADOW != 0,
        is_bochs: others & IS_BOCHS != 0,
    }
}

/// The calling processor's part.
#[inline(always)]
pub(super) fn this() -> &'static Processor {
    &PROCESSORS[index()]
}

impl Processor {
    const fn new() -> Self {
        Self { host_area: AtomicU64::new(0), vmcb: AtomicU64::new(0) }
    }

    /// Where VMLOAD finds the host's state.
    #[inline(always)]
    pub(super) fn host_area(&self) -> u64 {
        self.host_area.load(Relaxed)
    }

    /// Saves what VMLOAD replaces: TR, LDTR, FS, GS and the SYSCALL registers, as they are now.
    #[inline(always)]
    pub(super) fn save_host(&self) {
        // SAFETY: the area is a kernel frame that is never freed, for nothing else.
        unsafe { asm!("vmsave rax", in("rax") self.host_area(), options(nostack, preserves_flags)) };
    }

    /// Notes that `vmcb` runs here now. True if another one ran since: nothing of it is cached.
    pub(super) fn note_vmcb(&self, vmcb: Hpa) -> bool {
        let is_other = self.vmcb.load(Relaxed) != vmcb.raw();
        self.vmcb.store(vmcb.raw(), Relaxed);
        is_other
    }
}
