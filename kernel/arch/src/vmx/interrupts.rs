//! Interrupts that the processor keeps for the guest's local APIC: virtual-interrupt delivery in x2APIC mode (Intel SDM vol. 3,
//! 30.1 and 30.2).
//!
//! The virtual-APIC page holds IRR, ISR, TMR and TPR as the guest reads them; the interrupt status names the highest requested
//! and the highest serviced vector. An entry looks at both and at the priorities, so what is requested goes to the guest with it.
//!
//! Where the processor can, it takes posted interrupts too: what others post while the guest runs goes there without ring 0.

use super::controls::KEEPS_INTERRUPTS;
use super::permissions;
use super::vcpu::{TODO_OFFER, Vmx};
use super::vmcs::{read, write};
use crate::X86;
use crate::interrupt::POSTED;
use crate::paging::direct;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use kernel_core::vcpu::{Interrupts, VcpuShared, Vectors};
use spec::apic::register;
use spec::control::RFLAGS_IF;
use spec::vmx::{field, interruptibility, pin, primary};

impl Vmx {
    /// A register in the virtual-APIC page.
    #[inline(always)]
    pub(super) fn apic_register(&self, offset: u32) -> &AtomicU32 {
        let place = direct::address(self.apic.address()).wrapping_add(u64::from(offset));
        // SAFETY: the frame is mapped as long as it lives, and is only ever accessed as atomics; registers are below its end.
        unsafe { &*(place as *const AtomicU32) }
    }

    /// Whether the processor has the interrupts.
    #[inline]
    pub(super) fn is_keeping(&self) -> bool {
        self.secondary & KEEPS_INTERRUPTS == KEEPS_INTERRUPTS
    }

    /// The eight registers of a set of vectors, the first at `offset`.
    fn vectors(&self, offset: u32) -> Vectors {
        let half = |index: u32| u64::from(self.apic_register(offset + (index << 4)).load(Relaxed));
        [0, 2, 4, 6].map(|index| half(index) | half(index + 1) << 32)
    }

    fn set_vectors(&self, offset: u32, vectors: &Vectors) {
        for (index, word) in (0u32..).step_by(2).zip(vectors) {
            self.apic_register(offset + (index << 4)).store(*word as u32, Relaxed);
            self.apic_register(offset + (index + 1 << 4)).store((*word >> 32) as u32, Relaxed);
        }
    }

    /// Gives the processor the interrupts.
    #[cold]
    pub(super) fn give_interrupts(&mut self, interrupts: &Interrupts) {
        self.apic_register(register::ID).store(interrupts.id, Relaxed);
        self.set_vectors(register::IRR, &interrupts.requested);
        self.set_vectors(register::ISR, &interrupts.in_service);
        self.apic_register(register::TPR).store(u32::from(interrupts.priority), Relaxed);
        for (word, level) in interrupts.level.into_iter().enumerate() {
            if self.level[word] != level {
                self.set_level(word, level);
            }
        }
        let serviced = u64::from(highest(&interrupts.in_service));
        write(field::INTERRUPT_STATUS, serviced << 8 | u64::from(highest(&interrupts.requested)));
        self.set_secondary(KEEPS_INTERRUPTS, true);
        self.set_posting(true);
        write(field::MSR_BITMAP, permissions::kept_address());
        self.todo |= TODO_OFFER;
    }

    /// Has the processor take what is posted to `shared` while it keeps the interrupts (30.6): told by [`POSTED`] while the guest
    /// runs, it requests the posted vectors, without an exit. It is told at the first instruction if the vector waits since ring 0.
    pub(super) fn watch_posts(&mut self, shared: &Arc<VcpuShared<X86>>) {
        if !self.capabilities.takes_posts {
            return;
        }
        let Some(descriptor) = direct::physical(shared.posted()) else { return };
        write(field::POSTED_VECTOR, u64::from(POSTED));
        write(field::POSTED_DESCRIPTOR, descriptor.raw());
        self.posts = Some(shared.clone());
    }

    /// Says whether it does so now. Without virtual-interrupt delivery it must not.
    fn set_posting(&self, is_on: bool) {
        if self.posts.is_some() {
            let bit = if is_on { pin::POSTED } else { 0 };
            write(field::PIN_CONTROLS, u64::from(self.capabilities.controls.pin | bit));
        }
    }

    /// Gives it more, of word `word` (below 4).
    #[inline]
    pub(super) fn give_more(&mut self, word: usize, requested: u64, level: u64) {
        let index = word as u32 * 2;
        for (index, bits) in [(index, requested as u32), (index + 1, (requested >> 32) as u32)] {
            if bits != 0 {
                let register = self.apic_register(register::IRR + (index << 4));
                register.store(register.load(Relaxed) | bits, Relaxed);
            }
        }
        if self.level[word] != level {
            self.set_level(word, level);
        }
        let top = (word as u64) << 6 | u64::from(63 - (requested | 1).leading_zeros());
        let status = read(field::INTERRUPT_STATUS);
        if top > status & 0xff {
            write(field::INTERRUPT_STATUS, status & 0xff00 | top);
        }
        if self.capabilities.lets_interrupts_slip {
            self.todo |= TODO_OFFER;
        }
    }

    /// Says which vectors of word `word` (below 4) are level-triggered: their ends exit.
    #[cold]
    fn set_level(&mut self, word: usize, level: u64) {
        self.level[word] = level;
        self.set_vectors(register::TMR, &self.level);
        if !self.shows_ends {
            write(field::EOI_EXITS + 2 * word as u64, level);
        }
    }

    /// Has the ends of all interrupts exit, or those of level-triggered ones.
    fn show_ends(&mut self, is_all: bool) {
        if self.shows_ends == is_all {
            return;
        }
        self.shows_ends = is_all;
        for (step, word) in (0..).step_by(2).zip(self.level) {
            write(field::EOI_EXITS + step, if is_all { u64::MAX } else { word });
        }
    }

    /// Says at which moments the processor is to be taken back, after a change of what is requested.
    ///
    /// Bochs has the guest take an interrupt with IF off if a host interrupt comes while one is requested that no priority holds
    /// back. There nothing is left with it in that state: an open window exits first, and the end of an interrupt exits
    /// while others wait.
    pub(super) fn arrange(&mut self) {
        if !self.capabilities.lets_interrupts_slip {
            return self.set_primary(primary::INTERRUPT_WINDOW, self.watches_window);
        }
        let held = read(field::INTERRUPTIBILITY) & (interruptibility::STI | interruptibility::LOAD_SS);
        let is_open = self.event == 0 && held == 0 && read(field::GUEST_RFLAGS) & RFLAGS_IF != 0;
        let status = read(field::INTERRUPT_STATUS);
        let is_next = self.outranks(status);
        self.set_primary(primary::INTERRUPT_WINDOW, self.watches_window || is_next && !is_open);
        // The highest is among them, so that it is alone if they make no greater number.
        let requests = (0..8).map(|index| self.apic_register(register::IRR + (index << 4)).load(Relaxed));
        let sum: u64 = requests.map(u64::from).sum();
        self.show_ends(sum != 0 && !(is_next && sum == 1 << (status & 31)));
    }

    /// The guest halts, perhaps in the shadow of STI: it may go on with an interrupt that could not come before.
    #[inline(always)]
    pub(super) fn look_at_halt(&mut self) {
        if self.capabilities.lets_interrupts_slip && self.is_keeping() {
            self.todo |= TODO_OFFER;
        }
    }

    /// Takes the interrupts back.
    #[cold]
    pub(super) fn take_back(&mut self) -> Interrupts {
        self.set_posting(false);
        self.set_secondary(KEEPS_INTERRUPTS, false);
        self.todo |= TODO_OFFER;
        write(field::MSR_BITMAP, permissions::address());
        Interrupts {
            id: self.apic_register(register::ID).load(Relaxed),
            requested: self.vectors(register::IRR),
            in_service: self.vectors(register::ISR),
            level: self.level,
            priority: self.apic_register(register::TPR).load(Relaxed) as u8,
        }
    }

    /// Whether the next entry delivers an interrupt, IF and shadows permitting.
    pub(super) fn has_requested(&self) -> bool {
        self.outranks(read(field::INTERRUPT_STATUS))
    }

    /// Whether the interrupt status names a requested vector that neither the serviced one nor the task priority holds back.
    fn outranks(&self, status: u64) -> bool {
        let (requested, serviced) = (status as u8, (status >> 8) as u8);
        let priority = self.apic_register(register::TPR).load(Relaxed) as u8;
        requested >> 4 > priority.max(serviced) >> 4
    }
}

/// The highest vector of a set; 0 = none.
fn highest(vectors: &Vectors) -> u8 {
    (0u8..4)
        .zip(vectors)
        .rev()
        .find(|(_, word)| **word != 0)
        .map_or(0, |(index, word)| index << 6 | (63 - word.leading_zeros()) as u8)
}
