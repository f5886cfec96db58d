//! Interrupts that the hardware keeps for the local APIC ([`crate::vcpu::VirtualCpu::keep_interrupts`]).
//!
//! Meanwhile `requested` is an in-tray for the hardware, nothing is in service here and the task priority is out of date.
//! Which vectors are level-triggered is always known here.

use super::vectors::VectorSet;
use super::{Lapic, Mode};
use crate::vcpu::hardware::Interrupts;

impl Lapic {
    /// Whether hardware may keep the interrupts: it knows x2APIC mode only, and takes all that is posted to it.
    #[inline]
    pub(crate) fn can_be_kept(&self) -> bool {
        self.mode() == Mode::X2apic && self.is_software_enabled()
    }

    /// Hands everything over.
    pub(crate) fn hand_over(&mut self) -> Interrupts {
        self.serving = 0;
        Interrupts {
            id: self.id,
            requested: core::mem::take(&mut self.requested).words(),
            in_service: core::mem::take(&mut self.in_service).words(),
            level: self.trigger.words(),
            priority: self.task_priority,
        }
    }

    /// Takes out what was requested since of word `word` (below 4), and says which vectors of the word are level-triggered.
    #[inline]
    pub(crate) fn empty_tray(&mut self, word: usize) -> (u64, u64) {
        (self.requested.take_word(word), self.trigger.word(word))
    }

    /// Takes everything back.
    pub(crate) fn take_over(&mut self, interrupts: &Interrupts) {
        for (index, word) in interrupts.requested.iter().enumerate() {
            self.requested.set_word(index, *word, *word);
        }
        self.in_service = VectorSet::from_words(interrupts.in_service);
        self.serving = self.in_service.highest().unwrap_or(0);
        self.task_priority = interrupts.priority;
    }

    /// Whether the end of `vector` is told to the VMM.
    pub(crate) fn is_level(&self, vector: u8) -> bool {
        self.trigger.has(vector)
    }
}
