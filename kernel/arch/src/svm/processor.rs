//! What each processor has for its guests.

use super::{Unavailable, permissions};
use crate::X86;
use crate::cpu::features::cpuid;
use crate::cpu::local::index;
use crate::cpu::msr;
use base_units::Hpa;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use kernel_core::Machine;
use kernel_core::machine::CPUS_MAX;
use spec::cpuid::{ECX80000001_SVM, LEAF_SVM};
use spec::msr::{EFER_SVME, PRED_CMD, TSC_AUX, VM_CR, VM_CR_SVMDIS, VM_HSAVE_PA};
use spec::svm::feature;

/// One processor's part. Only its own processor touches it after `enable`; atomics because it is a static.
pub(super) struct Processor {
    /// Where the host's hidden state is kept while a guest runs (for VMLOAD).
    host_area: AtomicU64,
    /// The last identifier given out.
    asid: AtomicU32,
    /// Grows whenever the identifiers start over; identifiers of older generations are void.
    generation: AtomicU64,
    /// The guest that ran here last.
    guest: AtomicU64,
    /// The control block that ran here last.
    vmcb: AtomicU64,
    /// TSC_AUX as loaded.
    tsc_aux: AtomicU64,
}

/// An address-space identifier, valid on one processor until its identifiers start over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Asid {
    pub(super) number: u32,
    /// The processor that gave it out.
    cpu: usize,
    generation: u64,
}

impl Asid {
    /// Valid nowhere.
    pub(super) const NONE: Self = Self { number: 0, cpu: usize::MAX, generation: 0 };
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
    /// VMRUN does not load the interrupt shadow, and the TSS must be "available" for I/O permission checks: QEMU's
    /// emulation of SVM.
    pub(super) forgets_shadow: bool,
}

static PROCESSORS: [Processor; CPUS_MAX] = [const { Processor::new() }; CPUS_MAX];
static IS_ENABLED: AtomicBool = AtomicBool::new(false);
static CAPABILITIES: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];

const HAS_BRANCH_BARRIER: u32 = 1 << 0;
const HAS_TSC_AUX: u32 = 1 << 1;
const FORGETS_SHADOW: u32 = 1 << 2;

/// Turns AMD-V on, on the calling processor. The boot processor comes first.
pub fn enable() -> Result<(), Unavailable> {
    check()?;
    if !IS_ENABLED.load(Relaxed) {
        note_capabilities();
        permissions::set_up()?;
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
    this().generation.store(1, Relaxed);
    IS_ENABLED.store(true, Relaxed);
    Ok(())
}

/// [`enable`], or the machine stops with a sentence that says why it cannot be used.
pub fn prepare_virtualization() {
    if let Err(why) = enable() {
        crate::panic::refuse(why);
    }
}

/// Whether guests can run.
pub fn is_enabled() -> bool {
    IS_ENABLED.load(Relaxed)
}

fn check() -> Result<(), Unavailable> {
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
    let has_branch_barrier = cpuid(0x8000_0008, 0).ebx & 1 << 12 != 0;
    let has_tsc_aux = cpuid(0x8000_0001, 0).edx & 1 << 27 != 0 || cpuid(7, 0).ecx & 1 << 22 != 0;
    let emulator = cpuid(0x4000_0000, 0);
    let is_tcg = [emulator.ebx, emulator.ecx, emulator.edx]
        == [b"TCGT", b"CGTC", b"GTCG"].map(|word| u32::from_le_bytes(*word));
    let bit = |is_on: bool, bit: u32| if is_on { bit } else { 0 };
    let others = bit(has_branch_barrier, HAS_BRANCH_BARRIER)
        | bit(has_tsc_aux, HAS_TSC_AUX)
        | bit(is_tcg, FORGETS_SHADOW);
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
        forgets_shadow: others & FORGETS_SHADOW != 0,
    }
}

/// The calling processor's part.
#[inline(always)]
pub(super) fn this() -> &'static Processor {
    &PROCESSORS[index()]
}

impl Processor {
    const fn new() -> Self {
        Self {
            host_area: AtomicU64::new(0),
            asid: AtomicU32::new(0),
            generation: AtomicU64::new(0),
            guest: AtomicU64::new(0),
            vmcb: AtomicU64::new(0),
            tsc_aux: AtomicU64::new(u64::MAX),
        }
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

    /// Whether `asid` was given out by this processor and still counts.
    pub(super) fn has_given(&self, asid: Asid) -> bool {
        asid.cpu == index() && asid.generation == self.generation.load(Relaxed)
    }

    /// A fresh identifier. `self` is the calling processor's. True: the identifiers started over, and everything cached under them has to be forgotten.
    pub(super) fn next_asid(&self, asids: u32) -> (Asid, bool) {
        let number = self.asid.load(Relaxed) + 1;
        if number < asids {
            self.asid.store(number, Relaxed);
            return (Asid { number, cpu: index(), generation: self.generation.load(Relaxed) }, false);
        }
        let generation = self.generation.load(Relaxed) + 1;
        self.generation.store(generation, Relaxed);
        self.asid.store(1, Relaxed);
        (Asid { number: 1, cpu: index(), generation }, true)
    }

    /// Notes that `vmcb` runs here now. True if another one ran since: nothing of it is cached.
    pub(super) fn note_vmcb(&self, vmcb: Hpa) -> bool {
        let is_other = self.vmcb.load(Relaxed) != vmcb.raw();
        self.vmcb.store(vmcb.raw(), Relaxed);
        is_other
    }

    /// Puts a barrier between guests: what one trained the branch predictors with does not steer the next.
    pub(super) fn separate(&self, guest: u64, has_branch_barrier: bool) {
        if self.guest.load(Relaxed) == guest {
            return;
        }
        self.guest.store(guest, Relaxed);
        if has_branch_barrier {
            // SAFETY: CPUID says IBPB; the command changes no architectural state.
            unsafe { msr::write(PRED_CMD, 1) };
        }
    }

    /// Loads TSC_AUX.
    pub(super) fn load_tsc_aux(&self, value: u64) {
        if self.tsc_aux.load(Relaxed) != value {
            self.tsc_aux.store(value, Relaxed);
            // SAFETY: the caller knows that the MSR exists; the kernel does not use it, any 32-bit value is taken.
            unsafe { msr::write(TSC_AUX, value) };
        }
    }
}
