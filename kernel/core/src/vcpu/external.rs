//! Interrupts from the PIC: a level at LINT0 of the bootstrap processor, whose vector comes from the VMM.
//!
//! The output of a PC's 8259 is a line, not a message. [`Guest::interrupt`] hears of its changes, the
//! vCPU's shared part keeps the level. Whether the level reaches the processor is the local
//! APIC's business (`Lapic::passes_external`). The vector is asked for as late as hardware does, when
//! the guest takes the interrupt: ring 0 returns with [`ExitKind::InterruptAcknowledge`], the VMM
//! asks its PIC and injects the answer. Such interrupts know no priority and go before the local APIC's.

use super::attention::{ATTENTION_DELIVER, ATTENTION_EXTERNAL, Activity};
use super::guest::Guest;
use super::hardware::{Event, EventKind, VirtualCpu};
use super::processor::Vcpu;
use super::run::Outcome;
use crate::machine::Machine;
use abi::ExitKind;
use spec::control::RFLAGS_IF;

/// The vCPU that the PIC is wired to.
const WIRED_APIC_ID: u32 = 0;
/// Data of an interrupt message: the level, for those that have one.
const ASSERTED: u32 = 1 << 14;

impl<M: Machine> Guest<M> {
    /// Takes note of the PIC's output, as the data of an ExtINT message tells it.
    pub(super) fn set_external(&self, data: u32) {
        if let Some(vcpu) = self.vcpu(WIRED_APIC_ID) {
            vcpu.set_external(data & ASSERTED != 0);
        }
    }
}

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// Whether an interrupt of the PIC waits for the processor.
    pub(super) fn has_external(&self) -> bool {
        self.acknowledged.is_some() || self.shared.is_external() && self.lapic.passes_external()
    }

    /// The PIC's line has risen: LINT0 may make something other than an ExtINT of it.
    pub(super) fn strike_local_line(&mut self) {
        if self.lapic.strike_local_line() {
            self.is_nmi_pending = true;
        }
    }

    /// In place of what the local APIC offers: an interrupt of the PIC comes first.
    #[cold]
    pub(super) fn prefer_external(&mut self) {
        if self.offered.take().is_some() {
            self.hardware.offer_interrupt(None);
        }
        if self.hardware.rflags() & RFLAGS_IF != 0 {
            self.activity = Activity::Running;
        }
        self.attention |= ATTENTION_EXTERNAL;
    }

    /// Brings the PIC's interrupt to the guest, or waits for the guest to be able to take it. The VMM has to be asked for
    /// the vector first.
    #[cold]
    pub(super) fn attend_external(&mut self) -> Option<Outcome> {
        self.attention &= !ATTENTION_EXTERNAL;
        if !self.has_external() {
            self.attention |= ATTENTION_DELIVER;
            return None;
        }
        if self.activity != Activity::Running {
            return None;
        }
        if !self.can_take_interrupt() {
            self.watch_interrupt_window(true);
            return None;
        }
        self.watch_interrupt_window(false);
        let Some(vector) = self.acknowledged.take() else {
            return Some(self.leave(ExitKind::InterruptAcknowledge, [0; 4]));
        };
        self.hardware.inject(external(vector));
        self.shared.count_injected();
        self.attention |= ATTENTION_DELIVER;
        None
    }

    /// The VMM got `vector` from the PIC.
    pub(super) fn acknowledge_external(&mut self, vector: u8) {
        self.acknowledged = Some(vector);
        self.attention |= ATTENTION_DELIVER;
    }

    /// The guest can take an interrupt now.
    pub(super) fn open_window(&mut self) -> Option<Outcome> {
        self.attention |= ATTENTION_DELIVER;
        None
    }

    /// An external interrupt whose delivery was broken off, for saving, or one that was not begun yet.
    pub(super) fn pending_event(&self) -> Option<Event> {
        self.hardware.injection().or_else(|| self.acknowledged.map(external))
    }

    /// Takes over [`Vcpu::pending_event`] of a saved state.
    pub(super) fn set_pending_event(&mut self, event: Option<Event>) {
        self.hardware.cancel_injection();
        self.acknowledged = None;
        match event {
            // Hardware refuses to inject an interrupt that the guest could not take.
            Some(Event { kind: EventKind::External, vector, .. }) if !self.can_take_interrupt() => {
                self.acknowledged = Some(vector);
            }
            Some(event) => self.hardware.inject(event),
            None => {}
        }
    }

    /// Forgets everything of the PIC but its line.
    pub(super) fn reset_external(&mut self) {
        self.acknowledged = None;
        self.watch_interrupt_window(false);
    }

    pub(super) fn watch_interrupt_window(&mut self, is_watched: bool) {
        if self.is_window_watched != is_watched {
            self.is_window_watched = is_watched;
            self.hardware.watch_interrupt_window(is_watched);
        }
    }

    fn can_take_interrupt(&self) -> bool {
        let hardware = &self.hardware;
        hardware.rflags() & RFLAGS_IF != 0 && !hardware.has_shadow() && hardware.injection().is_none()
    }
}

const fn external(vector: u8) -> Event {
    Event { kind: EventKind::External, vector, error_code: None }
}
