//! Interrupts that the hardware delivers and ends by itself.
//!
//! The local APIC stays the model of what the guest sees. In x2APIC mode, on hardware that can, its requested and serviced
//! interrupts and its task priority are handed over after each look at what can be delivered, and the guest takes and ends
//! interrupts without exits. Whoever needs to know them takes them back first ([`Vcpu::sync_lapic`]); what is requested
//! meanwhile goes to the hardware with the next look.

use super::hardware::VirtualCpu;
use super::processor::Vcpu;
use super::run::Outcome;
use crate::machine::Machine;
use abi::ExitKind;
use spec::apic::{X2APIC_FIRST_MSR, register};
use spec::control::RFLAGS_IF;

use super::attention::{ATTENTION_DELIVER, ATTENTION_IDLE, Activity};

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// Whether the hardware may have the interrupts.
    #[inline(always)]
    pub(super) fn can_keep(&self) -> bool {
        self.facts.keeps_interrupts && self.lapic.can_be_kept()
    }

    /// Lets the hardware have what is requested, and wakes the guest from a halt if it takes one.
    pub(super) fn leave_to_hardware(&mut self) {
        if !self.is_kept {
            self.is_kept = true;
            self.offered = None;
            self.hardware.offer_interrupt(None);
            self.hardware.watch_cr8(false);
            let interrupts = self.lapic.hand_over();
            self.hardware.keep_interrupts(&interrupts);
        } else {
            for word in 0..4 {
                self.leave_word(word);
            }
        }
        self.wake_for_kept();
    }

    /// Lets the hardware, which keeps the others, have the vectors of word `word` (below 4) that are requested.
    #[inline]
    fn leave_word(&mut self, word: usize) {
        let (requested, level) = self.lapic.empty_tray(word);
        if requested == 0 {
            return;
        }
        self.hardware.request_interrupts(word, requested, level);
        let mut rest = requested;
        while rest != 0 {
            rest &= rest - 1;
            self.shared.count_injected();
        }
    }

    /// Ends a halt if the guest takes an interrupt that the hardware keeps.
    #[inline]
    fn wake_for_kept(&mut self) {
        if self.activity != Activity::Running && self.can_take_kept() {
            self.activity = Activity::Running;
        }
    }

    /// Whether the guest takes an interrupt that the hardware keeps now, unless an interrupt shadow is in the way.
    #[inline]
    pub(super) fn can_take_kept(&self) -> bool {
        self.hardware.has_interrupt() && self.hardware.rflags() & RFLAGS_IF != 0
    }

    /// Passes posted vectors of one word on to the hardware, which keeps the others. False if there is more to do, or if the guest
    /// halts and takes none of them.
    #[inline]
    pub(super) fn pass_on(&mut self, word: usize) -> bool {
        let requested = self.shared.posted().take_vectors(word);
        self.lapic.request_word(word, requested, 0);
        let is_able = matches!(self.activity, Activity::Running | Activity::Halted);
        if !is_able || self.is_nmi_pending || self.has_external() || self.is_window_watched {
            self.attention |= ATTENTION_DELIVER;
            return false;
        }
        self.leave_word(word);
        self.wake_for_kept();
        if self.activity != Activity::Running {
            return false;
        }
        self.attention &= !ATTENTION_IDLE;
        true
    }

    /// Lets the hardware have `vector`, which the running guest has just requested, if nothing else is to be delivered first.
    #[inline]
    pub(super) fn leave_one_to_hardware(&mut self, vector: u8) {
        if self.is_nmi_pending || self.has_external() || self.is_window_watched {
            self.attention |= ATTENTION_DELIVER;
        } else {
            self.leave_word(usize::from(vector >> 6));
        }
    }

    /// Takes the interrupts back from the hardware.
    #[cold]
    pub(super) fn recall(&mut self) {
        self.is_kept = false;
        let interrupts = self.hardware.take_interrupts();
        self.lapic.take_over(&interrupts);
        self.attention |= ATTENTION_DELIVER;
    }

    /// The guest has ended a level-triggered interrupt.
    pub(super) fn end_kept(&mut self, vector: u8) -> Option<Outcome> {
        self.lapic.is_level(vector).then(|| self.leave(ExitKind::Eoi, [u64::from(vector), 0, 0, 0]))
    }
}

/// Whether the x2APIC register tells of interrupts or priorities, which the hardware may keep.
pub(super) fn is_kept_register(number: u32) -> bool {
    let offset = number.wrapping_sub(X2APIC_FIRST_MSR) << 4;
    // Not the commands and timers, which guests write most.
    !matches!(
        offset,
        register::ICR_LOW
            | register::LVT_TIMER
            | register::INITIAL_COUNT
            | register::CURRENT_COUNT
            | register::DIVIDE
    )
}
