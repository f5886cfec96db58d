//! A virtual processor.

use super::attention::Activity;
use super::cpuid::CpuidTable;
use super::fetch::{LengthCache, MoveCache};
use super::guest::Guest;
use super::hardware::{Facts, VirtualCpu};
use super::lapic::Lapic;
use super::mtrr::MemoryTypes;
use super::run::Outcome;
use super::shared::{VcpuShared, Wake};
use super::steal::StealRecord;
use super::tsc::GuestTsc;
use crate::machine::{ExtendedState, Machine};
use crate::memory::GuestSpace;
use abi::{Error, VcpuPage};
use alloc::boxed::Box;
use alloc::sync::Arc;
use base_units::Hpa;
use core::sync::atomic::Ordering;
use spec::control::XCR0_X87;

/// A virtual processor. It belongs to the thread that runs it; others see its [`VcpuShared`].
pub struct Vcpu<M: Machine, V: VirtualCpu<M>> {
    pub(super) guest: Arc<Guest<M>>,
    /// The guest's memory.
    pub(super) space: Arc<GuestSpace<M>>,
    pub(super) shared: Arc<VcpuShared<M>>,
    pub(super) page: &'static VcpuPage,
    pub(super) facts: Facts,

    pub(super) hardware: V,
    pub(super) extended: M::Extended,
    pub(super) lapic: Lapic,
    pub(super) cpuid: Box<CpuidTable>,
    pub(super) memory_types: MemoryTypes,
    pub(super) lengths: LengthCache,
    pub(super) moves: MoveCache,
    pub(super) steal: StealRecord,

    /// `ATTENTION_*` bits: what has to be looked at before the next entry.
    pub(super) attention: u32,
    /// With what the run loop ends ([`super::attention::ATTENTION_LEAVE`]).
    pub(super) outcome: Option<Outcome>,
    pub(super) activity: Activity,
    /// A halt with interrupts off, or a shutdown, has been reported to the VMM.
    pub(super) is_halt_reported: bool,
    pub(super) is_nmi_pending: bool,
    pub(super) is_nmi_blocked: bool,
    /// A step runs the IRET that ends the block.
    pub(super) is_nmi_ending: bool,
    /// An interrupt that the PIC has given the vector of and that the guest could not take yet.
    pub(super) acknowledged: Option<u8>,
    /// [`VirtualCpu::watch_interrupt_window`] as set last.
    pub(super) is_window_watched: bool,
    /// The vector that the hardware offers to the guest.
    pub(super) offered: Option<u8>,
    /// The hardware keeps the interrupts of the local APIC.
    pub(super) is_kept: bool,
    /// The guest's time stamp counter.
    pub(super) tsc: GuestTsc,
    /// IA32_TSC_ADJUST.
    pub(super) tsc_adjust: u64,
    /// The host tick at which the guest's timer fires.
    pub(super) timer_tick: Option<u64>,
    /// What [`super::RunHost::set_guest_deadline`] was told last.
    pub(super) told_tick: Option<u64>,
    /// Generation of the guest's memory at the last entry.
    pub(super) seen_generation: u64,
    /// The processor of that entry.
    pub(super) seen_cpu: usize,
    /// The hardware logs writes.
    pub(super) is_logging: bool,
}

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// Makes a vCPU with registers as after RESET. Id 0 is the bootstrap processor and runs; the others
    /// wait for INIT and SIPI. `page` is the kernel frame of its [`VcpuPage`], which outlives the vCPU.
    pub fn new(guest: Arc<Guest<M>>, apic_id: u32, page: Hpa, wake: Arc<dyn Wake>) -> Result<Self, Error> {
        let facts = V::facts();
        let hardware = V::new(guest.space().root()).ok_or(Error::NoMemory)?;
        let mut extended = M::Extended::new().ok_or(Error::NoMemory)?;
        if facts.xcr0_valid != 0 {
            extended.set_xcr0(XCR0_X87);
        }
        let lapic = Lapic::new(apic_id, facts.physical_bits);
        let shared = guest.join(apic_id, wake, lapic.addressing().pack())?;
        let mut vcpu = Self {
            space: guest.space().clone(),
            guest,
            shared,
            page: M::vcpu_page(page),
            facts,
            hardware,
            extended,
            lapic,
            cpuid: Box::new(CpuidTable::empty()),
            memory_types: MemoryTypes::new(),
            lengths: LengthCache::new(),
            moves: MoveCache::new(),
            steal: StealRecord::new(),
            attention: 0,
            outcome: None,
            activity: if apic_id == 0 { Activity::Running } else { Activity::WaitForSipi },
            is_halt_reported: false,
            is_nmi_pending: false,
            is_nmi_blocked: false,
            is_nmi_ending: false,
            acknowledged: None,
            is_window_watched: false,
            offered: None,
            is_kept: false,
            tsc: GuestTsc::new(facts.tsc_fraction_bits),
            tsc_adjust: 0,
            timer_tick: None,
            told_tick: None,
            seen_generation: 0,
            seen_cpu: usize::MAX,
            is_logging: false,
        };
        vcpu.hardware.attach();
        vcpu.hardware.take_posts(&vcpu.shared);
        vcpu.reset();
        Ok(vcpu)
    }

    /// The guest that it belongs to.
    pub fn guest(&self) -> &Arc<Guest<M>> {
        &self.guest
    }

    /// What others see of it.
    pub fn shared(&self) -> &Arc<VcpuShared<M>> {
        &self.shared
    }

    /// The guest's FPU, SSE and AVX state, to be put on the processor around [`Vcpu::run`].
    pub fn extended(&mut self) -> &mut M::Extended {
        &mut self.extended
    }

    /// Tells how long the vCPU was ready to run but had no processor: the guest's steal time.
    pub fn account_wait(&mut self, nanos: u64) {
        let sum = self.shared.add_wait(nanos);
        if self.steal.note(sum) {
            self.attention |= super::attention::ATTENTION_STEAL;
        }
    }

    /// A general register (`index` below 16).
    #[inline]
    pub(super) fn gpr(&self, index: usize) -> u64 {
        self.page.gpr[index].load(Ordering::Relaxed)
    }

    /// Sets a general register (`index` below 16).
    #[inline]
    pub(super) fn set_gpr(&mut self, index: usize, value: u64) {
        self.page.gpr[index].store(value, Ordering::Relaxed);
    }

    /// The kernel's clock.
    pub(super) fn now_ns(&self) -> u64 {
        M::ticks_to_ns(M::ticks())
    }

    /// The guest's time stamp counter.
    pub(super) fn guest_tsc(&self) -> u64 {
        self.tsc.at(M::ticks())
    }
}
