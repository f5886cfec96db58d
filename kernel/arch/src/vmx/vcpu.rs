//! One vCPU's control structure.

use super::processor::{self, Capabilities};
use super::switch::Switch;
use super::vmcs::{Block, write};
use super::{host, permissions};
use crate::X86;
use crate::cpu::local::index;
use crate::virtualization::Tag;
use alloc::sync::Arc;
use base_units::Hpa;
use kernel_core::Machine;
use kernel_core::memory::KernelFrame;
use kernel_core::vcpu::{VcpuShared, Vectors};
use spec::control::{
    CR0_AM, CR0_EM, CR0_ET, CR0_MP, CR0_NE, CR0_PE, CR0_PG, CR0_TS, CR0_WP, DR6_FIXED, DR7_FIXED,
    RFLAGS_FIXED,
};
use spec::msr::PAT_RESET;
use spec::vmx::{EPT_POINTER_BITS, field, primary};

/// CR0 bits that the guest writes without an exit. The others are NE, which must be 1 in hardware, CD and NW, which would
/// slow down the processor for others, and what does not exist.
pub(super) const FREE_CR0: u64 = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_WP | CR0_AM | CR0_PG;
/// Exceptions that exit: #DB, #AC and #MC.
const EXCEPTIONS: u64 = 1 << 1 | 1 << 17 | 1 << 18;
/// Ticks between two PAUSEs of one loop, and that a loop may last.
const PAUSE_GAP: u64 = 128;
const PAUSE_WINDOW: u64 = 4096;

/// The vCPU of this backend.
pub struct Vmx {
    pub(super) block: Block,
    /// The virtual-APIC page, of which the processor uses the task priority alone, or all while it keeps the interrupts.
    pub(super) apic: KernelFrame<X86>,
    /// The log of writes, where there can be one.
    pub(super) log: Option<KernelFrame<X86>>,
    pub(super) capabilities: &'static Capabilities,
    /// EPT pointer.
    pub(super) pointer: u64,

    pub(super) switch: Switch,
    /// `TODO_*` bits: what the next entry has to do besides entering. 0 nearly always.
    pub(super) todo: u8,
    /// `todo` at the last entry, for the exit to tidy up.
    pub(super) done: u8,
    /// A run has begun: what is switched by hand is on the processor.
    pub(super) is_loaded: bool,
    /// The host interrupt that the exit acknowledged, until the run ends.
    pub(super) arrived: Option<u8>,
    /// An exit in place of the one that the processor reports.
    pub(super) instead: Instead,
    pub(super) tag: Tag,
    /// The processor whose host state is in the structure.
    pub(super) host_cpu: usize,
    /// Host's CR3 and FS base in the structure.
    pub(super) host_root: u64,
    pub(super) host_fs_base: u64,

    /// Primary controls in the structure.
    pub(super) primary: u32,
    /// Secondary controls in the structure.
    pub(super) secondary: u32,
    /// CR0 bits of the host's as the guest wrote them.
    pub(super) hidden_cr0: u64,
    pub(super) cr2: u64,
    /// DR0 to DR3.
    pub(super) breakpoints: [u64; 4],
    /// DR6: the guest never sees the hardware's.
    pub(super) debug_status: u64,
    /// STAR, LSTAR, CSTAR, SFMASK.
    pub(super) syscall: [u64; 4],
    pub(super) kernel_gs_base: u64,
    pub(super) tsc_aux: u64,

    /// The event to inject, packed; 0 = none.
    pub(super) event: u64,
    /// The interrupt on offer.
    pub(super) offer: Option<u8>,
    pub(super) is_offer_taken: bool,
    /// Where others post, if the processor takes interrupts from there: the structure has its address.
    pub(super) posts: Option<Arc<VcpuShared<X86>>>,
    /// Level-triggered vectors among those that the processor keeps.
    pub(super) level: Vectors,
    /// The ends of all vectors exit, not those of level-triggered ones alone.
    pub(super) shows_ends: bool,
    /// TPR threshold in the structure.
    pub(super) threshold: u8,
    /// The run loop wants to know when an interrupt can be taken.
    pub(super) watches_window: bool,
    /// The run loop wants to know when an NMI handler ends.
    pub(super) watches_nmi: bool,
    /// The run loop wants one instruction to be run.
    pub(super) is_step_wanted: bool,
}

/// What stands in for an exit that did not come from the guest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    Nothing,
    /// The guest was not entered: memory at this address is needed first.
    Directory(u64),
    /// VMLAUNCH or VMRESUME failed with this error.
    Error(u64),
}

/// Forget translations of the guest's own tables.
pub(super) const TODO_FLUSH: u8 = 1 << 0;
/// Forget translations of guest-physical addresses.
pub(super) const TODO_MEMORY: u8 = 1 << 1;
/// An event is injected.
pub(super) const TODO_EVENT: u8 = 1 << 2;
/// An interrupt is on offer, or its window is to be watched or not any more.
pub(super) const TODO_OFFER: u8 = 1 << 3;
/// Control registers were set: PAE paging may have to load its directory.
pub(super) const TODO_DIRECTORY: u8 = 1 << 4;
/// In `done`: [`Vmx::instead`] says something.
pub(super) const DONE_INSTEAD: u8 = 1 << 7;

impl Vmx {
    /// One whose guest has the EPT at `root`. `None` without VT-x or memory.
    pub(super) fn create(root: Hpa) -> Option<Self> {
        if !processor::is_enabled() {
            return None;
        }
        let capabilities = processor::capabilities();
        let apic = X86::frames().allocate_kernel()?;
        for word in 0..512 {
            X86::write_entry(apic.address(), word, 0);
        }
        let log = match capabilities.facts.has_write_log {
            true => Some(X86::frames().allocate_kernel()?),
            false => None,
        };
        let mut vcpu = Self {
            block: Block::new(capabilities.revision)?,
            apic,
            log,
            capabilities,
            pointer: root.raw() | EPT_POINTER_BITS,
            switch: Switch::default(),
            todo: TODO_FLUSH | TODO_MEMORY | TODO_DIRECTORY,
            done: 0,
            is_loaded: false,
            arrived: None,
            instead: Instead::Nothing,
            tag: Tag::NONE,
            host_cpu: usize::MAX,
            host_root: u64::MAX,
            host_fs_base: u64::MAX,
            primary: capabilities.controls.primary,
            secondary: capabilities.controls.secondary,
            hidden_cr0: 0,
            cr2: 0,
            breakpoints: [0; 4],
            debug_status: DR6_FIXED,
            syscall: [0; 4],
            kernel_gs_base: 0,
            tsc_aux: 0,
            event: 0,
            offer: None,
            is_offer_taken: false,
            posts: None,
            level: [0; 4],
            shows_ends: false,
            threshold: 0,
            watches_window: false,
            watches_nmi: false,
            is_step_wanted: false,
        };
        vcpu.take_block();
        vcpu.set_up();
        Some(vcpu)
    }

    /// Makes the control structure current.
    #[inline(always)]
    pub(super) fn take_block(&mut self) {
        if self.block.attach() {
            self.switch.is_launched = 0;
        }
        if self.host_cpu != index() {
            self.move_here();
        }
    }

    #[cold]
    fn move_here(&mut self) {
        host::fill();
        self.host_cpu = index();
    }

    /// Fills in a new structure.
    fn set_up(&mut self) {
        let controls = self.capabilities.controls;
        for (field, value) in [
            (field::PIN_CONTROLS, u64::from(controls.pin)),
            (field::PRIMARY_CONTROLS, u64::from(controls.primary)),
            (field::SECONDARY_CONTROLS, u64::from(controls.secondary)),
            (field::EXIT_CONTROLS, u64::from(controls.exit)),
            (field::ENTRY_CONTROLS, u64::from(controls.entry)),
            (field::EXCEPTION_BITMAP, EXCEPTIONS),
            (field::PAGE_FAULT_MASK, 0),
            (field::PAGE_FAULT_MATCH, 0),
            (field::CR3_TARGETS, 0),
            (field::EXIT_MSR_STORES, 0),
            (field::EXIT_MSR_LOADS, 0),
            (field::ENTRY_MSR_LOADS, 0),
            (field::ENTRY_EVENT, 0),
            (field::TPR_THRESHOLD, 0),
            (field::VIRTUAL_APIC, self.apic.address().raw()),
            (field::EPT_POINTER, self.pointer),
            (field::TSC_OFFSET, 0),
            (field::LINK, u64::MAX),
            (field::CR0_MASK, !FREE_CR0),
            (field::CR4_MASK, !self.capabilities.facts.cr4_valid),
            (field::CR4_SHADOW, 0),
            (field::GUEST_CR0, CR0_NE | CR0_ET),
            (field::GUEST_CR4, self.capabilities.cr4_fixed),
            (field::GUEST_RFLAGS, RFLAGS_FIXED),
            (field::GUEST_DR7, DR7_FIXED),
            (field::GUEST_DEBUGCTL, 0),
            (field::GUEST_PAT, PAT_RESET),
            (field::GUEST_EFER, 0),
            (field::GUEST_SYSENTER_CS, 0),
            (field::GUEST_SYSENTER_ESP, 0),
            (field::GUEST_SYSENTER_EIP, 0),
            (field::INTERRUPTIBILITY, 0),
            (field::ACTIVITY, 0),
            (field::PENDING_DEBUG, 0),
        ] {
            write(field, value);
        }
        self.set_up_options();
    }

    /// Fields that exist only with their controls.
    fn set_up_options(&self) {
        use spec::vmx::{pin, secondary};
        let controls = self.capabilities.controls;
        if controls.primary & primary::MSR_BITMAP != 0 {
            write(field::MSR_BITMAP, permissions::address());
        }
        if self.capabilities.facts.keeps_interrupts {
            (0..4).for_each(|word| write(field::EOI_EXITS + 2 * word, 0));
        }
        if controls.pin & pin::PREEMPTION_TIMER != 0 {
            write(field::PREEMPTION_TIMER, self.capabilities.timer);
        }
        if controls.secondary & secondary::PAUSE_LOOP != 0 {
            write(field::PAUSE_GAP, PAUSE_GAP);
            write(field::PAUSE_WINDOW, PAUSE_WINDOW);
        }
        for (control, field) in [
            (secondary::ENCLS, field::ENCLS_BITMAP),
            (secondary::ENCLV, field::ENCLV_BITMAP),
            // IA32_XSS is 0, so these never do: guests have no supervisor components.
            (secondary::XSAVES, field::XSAVES_BITMAP),
        ] {
            if controls.secondary & control != 0 {
                write(field, u64::MAX);
            }
        }
    }

    /// Sets or clears a primary control.
    #[inline]
    pub(super) fn set_primary(&mut self, bit: u32, is_on: bool) {
        let value = if is_on { self.primary | bit } else { self.primary & !bit };
        if value != self.primary {
            self.primary = value;
            write(field::PRIMARY_CONTROLS, u64::from(value));
        }
    }

    /// Sets or clears secondary controls.
    pub(super) fn set_secondary(&mut self, bits: u32, is_on: bool) {
        let value = if is_on { self.secondary | bits } else { self.secondary & !bits };
        if value != self.secondary {
            self.secondary = value;
            write(field::SECONDARY_CONTROLS, u64::from(value));
        }
    }
}
