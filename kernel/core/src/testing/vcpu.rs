//! A hardware vCPU that does what the test says: registers are fields, exits come from a list.

use super::FakeMachine;
use crate::vcpu::{
    DescriptorTable, Event, Exit, ExitHandler, Facts, Interrupts, Segment, VcpuShared, VirtualCpu,
};
use abi::{SegmentState, VcpuPage};
use alloc::sync::Arc;
use base_units::Hpa;
use core::sync::atomic::{AtomicU32, AtomicU64};
use spec::msr;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
#[cfg(not(test))]
#[allow(unused_imports)]
use std::{boxed::Box, string::String, vec::Vec};

/// What the guest does until its next exit.
pub(crate) type Turn = Box<dyn FnOnce(&mut FakeVcpu, &VcpuPage) -> Exit + Send>;

/// Registers, and turns to come. A guest without turns waits for a host interrupt.
#[derive(Default)]
pub(crate) struct FakeVcpu {
    pub(crate) turns: VecDeque<Turn>,
    pub(crate) entries: u32,
    pub(crate) flushes: u32,
    pub(crate) rip: u64,
    pub(crate) next_rip: Option<u64>,
    pub(crate) rflags: u64,
    pub(crate) has_shadow: bool,
    pub(crate) cpl: u8,
    pub(crate) control: [u64; 9],
    pub(crate) efer: u64,
    pub(crate) segments: [SegmentState; 8],
    pub(crate) tables: [DescriptorTable; 2],
    pub(crate) debug: [u64; 8],
    pub(crate) msrs: BTreeMap<u32, u64>,
    pub(crate) tsc_offset: u64,
    pub(crate) tsc_multiplier: u64,
    pub(crate) injection: Option<Event>,
    /// Events that entries delivered.
    pub(crate) delivered: Vec<Event>,
    pub(crate) offer: Option<u8>,
    pub(crate) was_taken: bool,
    pub(crate) is_window_watched: bool,
    pub(crate) is_nmi_end_watched: bool,
    pub(crate) is_step_wanted: bool,
    pub(crate) is_cr8_watched: bool,
    /// Interrupts that were handed over.
    pub(crate) kept: Option<Interrupts>,
    /// Where others post.
    posts: Option<Arc<VcpuShared<FakeMachine>>>,
    exit: Option<Exit>,
}

/// What guests do that have no turns.
type Guest = Box<dyn FnMut(&mut FakeVcpu, &VcpuPage) -> Exit>;

thread_local! {
    static GUEST: RefCell<Option<Guest>> = const { RefCell::new(None) };
    static KEEPS: Cell<bool> = const { Cell::new(false) };
}

/// Whether processors made from now on keep interrupts.
pub(crate) fn set_keeps_interrupts(is_on: bool) {
    KEEPS.with(|keeps| keeps.set(is_on));
}

/// Guests without turns do this from now on, instead of waiting for a host interrupt.
pub(crate) fn set_guest(guest: impl FnMut(&mut FakeVcpu, &VcpuPage) -> Exit + 'static) {
    GUEST.with(|slot| *slot.borrow_mut() = Some(Box::new(guest)));
}

pub(super) fn clear_guest() {
    GUEST.with(|slot| slot.borrow_mut().take());
}

fn play_guest(vcpu: &mut FakeVcpu, page: &VcpuPage) -> Exit {
    GUEST.with(|slot| slot.borrow_mut().as_mut().map_or(Exit::Interrupt, |guest| guest(vcpu, page)))
}

/// A vCPU page of zeros.
pub(super) fn empty_page() -> VcpuPage {
    VcpuPage {
        gpr: [const { AtomicU64::new(0) }; 16],
        rip: AtomicU64::new(0),
        rflags: AtomicU64::new(0),
        exit_kind: AtomicU32::new(0),
        instruction_bytes: AtomicU32::new(0),
        detail: [const { AtomicU64::new(0) }; 4],
        cr0: AtomicU64::new(0),
        cr3: AtomicU64::new(0),
        cr4: AtomicU64::new(0),
        efer: AtomicU64::new(0),
        segment_base: [const { AtomicU64::new(0) }; 6],
        cs_attributes: AtomicU32::new(0),
        cpl: AtomicU32::new(0),
        instruction: [const { AtomicU64::new(0) }; 2],
        writeback: AtomicU32::new(0),
        inject: AtomicU32::new(0),
        inject_address: AtomicU64::new(0),
    }
}

impl FakeVcpu {
    /// The guest takes the interrupt on offer.
    pub(crate) fn take_offer(&mut self) -> Option<u8> {
        let vector = self.offer.take()?;
        self.was_taken = true;
        Some(vector)
    }

    /// The processor is told that something was posted, and takes interrupts if it keeps them.
    #[cfg(test)]
    pub(crate) fn notice_posts(&mut self) {
        let (Some(kept), Some(shared)) = (&mut self.kept, &self.posts) else { return };
        for (word, posted) in kept.requested.iter_mut().zip(shared.posted().take_as_hardware()) {
            *word |= posted;
        }
    }
}

impl VirtualCpu<FakeMachine> for FakeVcpu {
    fn new(_root: Hpa) -> Option<Self> {
        let held = [msr::STAR, msr::LSTAR, msr::FS_BASE, msr::KERNEL_GS_BASE, msr::PAT];
        Some(Self { msrs: held.into_iter().map(|number| (number, 0)).collect(), ..Self::default() })
    }

    fn facts() -> Facts {
        Facts {
            vendor: 1,
            cr4_valid: 0x7ff | 1 << 18,
            efer_valid: 0xd01,
            xcr0_valid: 7,
            physical_bits: 40,
            tsc_fraction_bits: 48,
            has_xsaves: true,
            keeps_interrupts: KEEPS.with(Cell::get),
            ..Facts::default()
        }
    }

    fn load(&mut self, _guest: u64) {}

    fn unload(&mut self) {}

    fn enter(&mut self, page: &VcpuPage) {
        self.entries += 1;
        self.delivered.extend(self.injection.take());
        self.exit = Some(match self.turns.pop_front() {
            Some(turn) => turn(self, page),
            None => play_guest(self, page),
        });
    }

    fn with_exit<H: ExitHandler<Self>>(handler: &mut H) {
        if let Some(exit) = handler.hardware().exit.take() {
            handler.handle_frequent(exit);
        }
    }

    fn rip(&self) -> u64 {
        self.rip
    }

    fn set_rip(&mut self, rip: u64) {
        self.rip = rip;
    }

    fn advance(&mut self, rip: u64) -> u64 {
        self.rip = rip;
        self.has_shadow = false;
        self.rflags
    }

    fn next_rip(&self) -> Option<u64> {
        self.next_rip
    }

    fn instruction_bytes(&self) -> Option<(u32, [u64; 2])> {
        None
    }

    fn rflags(&self) -> u64 {
        self.rflags
    }

    fn set_rflags(&mut self, rflags: u64) {
        self.rflags = rflags;
    }

    fn has_shadow(&self) -> bool {
        self.has_shadow
    }

    fn set_shadow(&mut self, has_shadow: bool) {
        self.has_shadow = has_shadow;
    }

    fn cpl(&self) -> u8 {
        self.cpl
    }

    fn cr0(&self) -> u64 {
        self.control[0]
    }

    fn set_cr0(&mut self, value: u64) {
        self.control[0] = value;
    }

    fn cr2(&self) -> u64 {
        self.control[2]
    }

    fn set_cr2(&mut self, value: u64) {
        self.control[2] = value;
    }

    fn cr3(&self) -> u64 {
        self.control[3]
    }

    fn set_cr3(&mut self, value: u64) {
        self.control[3] = value;
    }

    fn cr4(&self) -> u64 {
        self.control[4]
    }

    fn set_cr4(&mut self, value: u64) {
        self.control[4] = value;
    }

    fn cr8(&self) -> u8 {
        self.control[8] as u8
    }

    fn set_cr8(&mut self, value: u8) {
        self.control[8] = u64::from(value);
    }

    fn efer(&self) -> u64 {
        self.efer
    }

    fn set_efer(&mut self, value: u64) {
        self.efer = value;
    }

    fn segment(&self, segment: Segment) -> SegmentState {
        self.segments[segment as usize]
    }

    fn set_segment(&mut self, segment: Segment, state: SegmentState) {
        self.segments[segment as usize] = state;
    }

    fn segment_base(&self, segment: Segment) -> u64 {
        self.segments[segment as usize].base
    }

    fn gdt(&self) -> DescriptorTable {
        self.tables[0]
    }

    fn set_gdt(&mut self, table: DescriptorTable) {
        self.tables[0] = table;
    }

    fn idt(&self) -> DescriptorTable {
        self.tables[1]
    }

    fn set_idt(&mut self, table: DescriptorTable) {
        self.tables[1] = table;
    }

    fn debug(&self, index: u8) -> u64 {
        self.debug[usize::from(index)]
    }

    fn set_debug(&mut self, index: u8, value: u64) {
        self.debug[usize::from(index)] = value;
    }

    fn msr(&self, number: u32) -> Option<u64> {
        self.msrs.get(&number).copied()
    }

    fn set_msr(&mut self, number: u32, value: u64) -> Option<()> {
        *self.msrs.get_mut(&number)? = value;
        Some(())
    }

    fn set_tsc_offset(&mut self, offset: u64) {
        self.tsc_offset = offset;
    }

    fn set_tsc_multiplier(&mut self, multiplier: u64) {
        self.tsc_multiplier = multiplier;
    }

    fn inject(&mut self, event: Event) {
        self.injection = Some(event);
    }

    fn injection(&self) -> Option<Event> {
        self.injection
    }

    fn cancel_injection(&mut self) {
        self.injection = None;
    }

    fn offer_interrupt(&mut self, vector: Option<u8>) {
        self.offer = vector;
        self.was_taken = false;
    }

    fn was_offer_taken(&self) -> bool {
        self.was_taken
    }

    fn keep_interrupts(&mut self, interrupts: &Interrupts) {
        assert!(self.offer.is_none() && self.kept.is_none(), "handed over twice, or while one is on offer");
        self.control[8] = u64::from(interrupts.priority >> 4);
        self.kept = Some(*interrupts);
    }

    fn take_interrupts(&mut self) -> Interrupts {
        let Some(interrupts) = self.kept.take() else { panic!("taken back from hardware that keeps none") };
        self.control[8] = u64::from(interrupts.priority >> 4);
        interrupts
    }

    fn request_interrupts(&mut self, word: usize, requested: u64, level: u64) {
        let Some(kept) = self.kept.as_mut() else { panic!("requested of hardware that keeps none") };
        kept.requested[word] |= requested;
        kept.level[word] = level;
    }

    fn take_posts(&mut self, shared: &Arc<VcpuShared<FakeMachine>>) {
        self.posts = Some(shared.clone());
    }

    fn has_interrupt(&self) -> bool {
        self.kept.is_some_and(|kept| kept.requested != [0; 4] && kept.in_service == [0; 4])
    }

    fn watch_interrupt_window(&mut self, is_watched: bool) {
        self.is_window_watched = is_watched;
    }

    fn watch_nmi_end(&mut self, is_watched: bool) {
        self.is_nmi_end_watched = is_watched;
    }

    fn step(&mut self, is_wanted: bool) {
        self.is_step_wanted = is_wanted;
    }

    fn watch_cr8(&mut self, is_watched: bool) {
        self.is_cr8_watched = is_watched;
    }

    fn flush_tlb(&mut self) {
        self.flushes += 1;
    }
}
