//! How the device gets the driver's attention: MSI-X vectors, or ISR and the line (4.1.5).

use super::state::VirtioPci;
use crate::{device::VirtioDevice, fault::Fault};
use spec::virtio::{ISR_CONFIG, ISR_QUEUE, STATUS_DRIVER_OK, STATUS_NEEDS_RESET};
use vmm_bus::{Attention, Context, Effects};

impl<D: VirtioDevice> VirtioPci<D> {
    /// Interrupts the driver for the queues that got something completed, where it wants that.
    pub(super) fn interrupt_for(&mut self, completed: u64, context: &mut Context<'_>) -> Result<(), Fault> {
        let mut rest = completed;
        while rest != 0 {
            let index = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            let Some(queue) = self.queues.get_mut(index) else { break };
            if queue.needs_interrupt(context.memory)? {
                let vector = self.vectors.get(index).copied();
                self.signal(vector, ISR_QUEUE, context.effects);
            }
        }
        Ok(())
    }

    /// Tells the driver that the configuration changed (4.1.5.4).
    pub(super) fn announce_config(&mut self, context: &mut Context<'_>) {
        self.common.generation = self.common.generation.wrapping_add(1);
        if self.common.status & STATUS_DRIVER_OK != 0 {
            self.signal(Some(self.common.config_vector), ISR_CONFIG, context.effects);
        }
    }

    /// The guest broke a rule: stop, and say so (2.1.2).
    pub(super) fn break_down(&mut self, fault: Fault, context: &mut Context<'_>) {
        self.fault = Some(fault);
        self.common.status |= STATUS_NEEDS_RESET;
        self.work = 0;
        if self.common.status & STATUS_DRIVER_OK != 0 {
            self.signal(Some(self.common.config_vector), ISR_CONFIG, context.effects);
        }
    }

    /// Reads and clears the ISR status (4.1.4.5).
    pub(super) fn take_isr(&mut self, effects: &mut Effects) -> u8 {
        let isr = core::mem::take(&mut self.isr);
        self.update_line(effects);
        isr
    }

    /// Says whether ISR wants to be read.
    pub(super) fn update_line(&mut self, effects: &mut Effects) {
        self.function.set_level(self.isr != 0, effects);
    }

    /// Remembers queues that have more to do.
    pub(super) fn add_work(&mut self, queues: u64, context: &mut Context<'_>) {
        self.work |= queues;
        context.effects.note(Attention::DEADLINE);
    }

    fn signal(&mut self, vector: Option<u16>, isr: u8, effects: &mut Effects) {
        if self.function.uses_msix() {
            if let Some(vector) = vector {
                self.function.signal(vector, effects);
            }
        } else {
            self.isr |= isr;
            self.update_line(effects);
        }
    }
}
