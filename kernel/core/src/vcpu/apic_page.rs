//! Accesses to the local APIC's page, and what register writes bring about.

use super::attention::{ATTENTION_DELIVER, ATTENTION_NEWS, ATTENTION_TIMER};
use super::decode::{Move, Register};
use super::hardware::{MemoryAccess, VirtualCpu};
use super::lapic::{Delivery, Effect, Message, Target};
use super::processor::Vcpu;
use super::run::Outcome;
use crate::machine::Machine;
use abi::{ExitCounter, ExitKind};
use base_units::Gpa;
use spec::apic::register;

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// An access to the page: the instruction is read and carried out here if it is a plain move of 4 bytes or
    /// less, as all software uses; the emulator gets the others.
    pub(super) fn exit_apic_page(&mut self, gpa: Gpa, access: MemoryAccess) -> Option<Outcome> {
        self.shared.count(ExitCounter::Apic);
        let Ok(decoded) = self.decode_move() else { return None };
        let Some(decoded) = decoded.filter(|decoded| decoded.size <= 4 && access != MemoryAccess::Fetch)
        else {
            let kind = u64::from(access == MemoryAccess::Write);
            return Some(self.leave(ExitKind::Mmio, [gpa.raw(), kind, 0, 0]));
        };
        self.sync_lapic();
        let offset = gpa.page_offset() as u32;
        let next = self.hardware.rip().wrapping_add(u64::from(decoded.length));
        let next = self.wrap_rip(next);
        let effect = match decoded.operation {
            Move::Store(_) if offset == register::EOI => {
                self.skip_to(next);
                return self.end_interrupt();
            }
            Move::Store(source) => self.write_apic_page(offset, self.source(source)),
            Move::Load(register) => {
                self.load_apic_page(offset, register, decoded.size);
                self.skip_to(next);
                return None;
            }
            Move::Exchange(register) => {
                let new = self.operand(register);
                self.load_apic_page(offset, register, decoded.size);
                self.write_apic_page(offset, new)
            }
        };
        self.skip_to(next);
        self.apply(effect)
    }

    fn load_apic_page(&mut self, offset: u32, register: Register, size: u8) {
        let value = self.lapic.read_page(offset, || M::ticks_to_ns(M::ticks()));
        self.set_operand(register, size, u64::from(value));
    }

    fn write_apic_page(&mut self, offset: u32, value: u64) -> Effect {
        self.lapic.write_page(offset, value as u32, || M::ticks_to_ns(M::ticks()))
    }

    /// Carries out what a write asked for. RIP is past the instruction.
    #[inline]
    pub(super) fn apply(&mut self, effect: Effect) -> Option<Outcome> {
        match effect {
            Effect::None | Effect::Fault => None,
            Effect::Acknowledged { level } => {
                if !self.lapic.is_quiet() {
                    self.attention |= ATTENTION_DELIVER;
                }
                let vector = level?;
                Some(self.leave(ExitKind::Eoi, [u64::from(vector), 0, 0, 0]))
            }
            Effect::Send(message) => {
                self.send(message);
                None
            }
            Effect::Recheck => {
                self.show_task_priority();
                self.deliver();
                None
            }
            Effect::Timer => {
                // Should it fire at once, that has something delivered.
                self.attention |= ATTENTION_TIMER;
                None
            }
            Effect::Addressing => {
                self.publish_addressing();
                None
            }
        }
    }

    /// Tells senders how interrupts find this vCPU, after a change.
    pub(super) fn publish_addressing(&mut self) {
        self.shared.set_addressing(self.lapic.addressing().pack());
        self.show_task_priority();
        self.attention |= ATTENTION_TIMER | ATTENTION_DELIVER;
    }

    /// Lets CR8 say what the local APIC says, unless the hardware knows it better.
    fn show_task_priority(&mut self) {
        if !self.is_kept {
            self.hardware.set_cr8(self.lapic.task_priority() >> 4);
        }
    }

    /// Sends an interrupt; one to itself needs no atomics.
    pub(super) fn send(&mut self, message: Message) {
        let is_own = match message.target {
            Target::Own => true,
            Target::Physical(id) => id == self.lapic.id(),
            _ => false,
        };
        if is_own && matches!(message.delivery, Delivery::Fixed | Delivery::LowestPriority) {
            self.lapic.request(message.vector, false);
            self.attention |= ATTENTION_DELIVER;
        } else {
            self.guest.deliver(message, Some(self.lapic.id()));
            self.attention |= ATTENTION_NEWS;
        }
    }
}
