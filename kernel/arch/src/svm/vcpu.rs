//! One vCPU's control block.

use super::permissions;
use super::processor::{self, Capabilities};
use super::step::Step;
use crate::X86;
use crate::paging::direct;
use crate::virtualization::Tag;
use base_units::Hpa;
use core::ptr::NonNull;
use kernel_core::Machine;
use kernel_core::memory::KernelFrame;
use spec::msr;
use spec::svm::{V_MASKING, Vmcb, feature, intercept};

/// PAUSEs in a row that count as a loop, and the ticks that may lie between them.
const PAUSE_COUNT: u16 = 3000;
const PAUSE_THRESHOLD: u16 = 128;

/// The vCPU of this backend.
pub struct Svm {
    pub(super) frame: KernelFrame<X86>,
    /// Where ring 0 maps the frame.
    pub(super) block: NonNull<Vmcb>,
    pub(super) capabilities: Capabilities,

    /// Where the calling processor keeps the host's state while the guest runs.
    pub(super) host_area: Hpa,
    /// `TODO_*` bits: what the next entry has to do besides entering. 0 nearly always.
    pub(super) todo: u8,
    /// [`TODO_CLEAN`], or nothing where the processor caches nothing.
    pub(super) todo_clean: u8,
    /// `todo` at the last entry, for the exit to tidy up.
    pub(super) done: u8,
    pub(super) asid: Tag,
    pub(super) step: Step,
    /// CD and NW as the guest wrote them.
    pub(super) hidden_cr0: u64,
    /// DR0 to DR3: not in the control block.
    pub(super) breakpoints: [u64; 4],
    pub(super) tsc_aux: u64,
    /// An interrupt is on offer.
    pub(super) is_offering: bool,
}

/// Flush the TLB.
pub(super) const TODO_FLUSH: u8 = 1 << 0;
/// An event is injected: it must not be injected twice.
pub(super) const TODO_EVENT: u8 = 1 << 1;
/// Perhaps run one instruction only: see `step`.
pub(super) const TODO_STEP: u8 = 1 << 2;
/// The processor has to read cached state again; afterwards all of it is clean.
pub(super) const TODO_CLEAN: u8 = 1 << 3;
/// Make up for what an emulator gets wrong, at each entry and exit: see `bochs`.
pub(super) const TODO_BOCHS: u8 = 1 << 4;

// SAFETY: the block is this value's own, as in a Box.
unsafe impl Send for Svm {}

impl Svm {
    /// One whose guest has the nested table at `root`. `None` without SVM or memory.
    pub(super) fn create(root: Hpa) -> Option<Self> {
        if !processor::is_enabled() {
            return None;
        }
        let frame = X86::frames().allocate_kernel()?;
        let capabilities = processor::capabilities();
        let mut vcpu = Self {
            block: NonNull::new(direct::address(frame.address()) as *mut Vmcb)?,
            frame,
            capabilities,
            host_area: Hpa::new(0),
            todo: if capabilities.is_bochs { TODO_FLUSH | TODO_BOCHS } else { TODO_FLUSH },
            todo_clean: if capabilities.features & feature::CLEAN_BITS != 0 { TODO_CLEAN } else { 0 },
            done: 0,
            asid: Tag::NONE,
            step: Step::default(),
            hidden_cr0: 0,
            breakpoints: [0; 4],
            tsc_aux: 0,
            is_offering: false,
        };
        vcpu.set_up(root);
        Some(vcpu)
    }

    /// The control block.
    #[inline(always)]
    pub(super) fn vmcb(&self) -> &Vmcb {
        // SAFETY: the frame is mapped as long as it lives, 4 KiB, ours alone and a valid `Vmcb` whatever its bytes are; the
        // processor writes it inside of `switch::enter` only.
        unsafe { self.block.as_ref() }
    }

    /// The control block, to be changed.
    #[inline(always)]
    pub(super) fn vmcb_mut(&mut self) -> &mut Vmcb {
        // SAFETY: as in `vmcb`, and borrowed mutably.
        unsafe { self.block.as_mut() }
    }

    /// Says that cached state of these kinds is out of date.
    #[inline(always)]
    pub(super) fn soil(&mut self, bits: u32) {
        self.vmcb_mut().control.clean &= !bits;
        self.todo |= self.todo_clean;
    }

    pub(super) fn has(&self, bit: u32) -> bool {
        self.capabilities.features & bit != 0
    }

    /// The control area of a new guest.
    fn set_up(&mut self, root: Hpa) {
        let (ports, msrs) = permissions::addresses();
        let has_pause_filter = self.has(feature::PAUSE_FILTER);
        let has_threshold = self.has(feature::PAUSE_THRESHOLD);
        let has_protection_keys = self.capabilities.has_protection_keys;
        let control = &mut self.vmcb_mut().control;
        // Ring 0 then refuses what guests must not have.
        control.intercept_cr = if has_protection_keys { WRITE_CR4 } else { 0 };
        control.intercept_dr = u32::MAX;
        control.intercept_exception = 1 << 1 | 1 << 17 | 1 << 18;
        control.intercept_first = FIRST_INTERCEPTS;
        control.intercept_second = SECOND_INTERCEPTS;
        control.intercept_third =
            intercept::INVLPGB | intercept::INVLPGB_ILLEGAL | intercept::MCOMMIT | intercept::TLBSYNC;
        if has_pause_filter {
            control.intercept_first |= intercept::PAUSE;
            control.pause_count = PAUSE_COUNT;
            control.pause_threshold = if has_threshold { PAUSE_THRESHOLD } else { 0 };
        }
        control.io_permissions = ports;
        control.msr_permissions = msrs;
        control.virtual_interrupt = V_MASKING;
        control.nested = 1;
        control.nested_root = root.raw();
        let save = &mut self.vmcb_mut().save;
        save.efer = msr::EFER_SVME;
        save.pat = msr::PAT_RESET;
    }
}

/// Intercept of CR4 writes.
const WRITE_CR4: u32 = 1 << (16 + 4);

/// First word of intercepts that are always on.
const FIRST_INTERCEPTS: u32 = intercept::INTR
    | intercept::NMI
    | intercept::SMI
    | intercept::INIT
    | intercept::CR0_SELECTIVE
    | intercept::RDPMC
    | intercept::CPUID
    | intercept::INVD
    | intercept::HLT
    | intercept::INVLPGA
    | intercept::IO
    | intercept::MSR
    | intercept::TASK_SWITCH
    | intercept::SHUTDOWN;

/// Second word of intercepts.
const SECOND_INTERCEPTS: u32 = intercept::VMRUN
    | intercept::VMMCALL
    | intercept::VMLOAD
    | intercept::VMSAVE
    | intercept::STGI
    | intercept::CLGI
    | intercept::SKINIT
    | intercept::WBINVD
    | intercept::MONITOR
    | intercept::MWAIT
    | intercept::XSETBV
    | intercept::RDPRU;
