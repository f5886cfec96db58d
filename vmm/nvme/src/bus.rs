//! The controller on the bus.

use crate::controller::{BAR, Nvme};
use base_units::{Gpa, Nanos};
use spec::nvme::{DOORBELL_STRIDE, DOORBELLS};
use vmm_bus::{
    AccessSize, Attention, Context, Device, Doorbell, Inspector, Region, Volume,
    access::{read_dwords, write_dwords},
    pci::Window,
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// The region of registers, doorbells and MSI-X structures.
const BAR_REGION: Region = Region(BAR as u16);
/// Bytes of a write that rings a doorbell.
const DOORBELL_BYTES: u64 = 4;

impl<V: Volume + Send + 'static> Device for Nvme<V> {
    fn name(&self) -> &'static str {
        "nvme"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, _context: &mut Context<'_>) -> u64 {
        if let Some(value) = self.function.msix_read(region, offset, size) {
            return value;
        }
        read_dwords(offset, size, |register| self.read_register(register))
    }

    /// Software writes aligned dwords, or quadwords as two of them (3.1); others are ignored.
    fn write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        if self.function.msix_write(region, offset, size, value, context.effects) {
            return;
        }
        write_dwords(offset, size, value, |register, value| self.write_register(register, value, context));
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        self.function.reset();
        self.forget_driver();
        self.registers = Default::default();
    }

    fn save(&self) -> SavedState {
        self.save_all()
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.restore_all(saved)
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("status", u64::from(self.registers.status));
        inspector.number("blocks", self.blocks);
        inspector.flag("doorbells in memory", self.session.doorbell_buffer.is_some());
        inspector.number("bytes read", self.counters.read_bytes);
        inspector.number("bytes written", self.counters.written_bytes);
        inspector.number("failed commands", self.counters.failures);
        for (index, queue) in self.session.submissions.iter().enumerate() {
            let Some(queue) = queue else { continue };
            inspector.enter("queue");
            inspector.number("index", index as u64);
            inspector.number("entries", u64::from(queue.entries));
            inspector.number("head", u64::from(queue.head));
            inspector.number("tail", u64::from(queue.tail));
            inspector.leave();
        }
    }

    fn deadline(&self) -> Nanos {
        let may_work = self.is_ready() && self.function.is_master();
        if may_work && self.session.has_work { Nanos::ZERO } else { Nanos::MAX }
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.run(context);
        context.effects.note(Attention::DEADLINE);
    }

    fn notify(&mut self, _queue: u16, context: &mut Context<'_>) {
        self.run(context);
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.function.config_read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        if self.function.config_write(offset, size, value, context.effects).master {
            self.run(context);
            context.effects.note(Attention::DEADLINE);
        }
        self.update_level(context.effects);
    }

    fn windows(&self) -> &[Window] {
        self.function.windows()
    }

    /// Submission doorbells, once their values stand in memory.
    fn doorbells(&self, visit: &mut dyn FnMut(Doorbell)) {
        if self.session.doorbell_buffer.is_none() {
            return;
        }
        for window in self.function.windows().iter().filter(|window| window.region == BAR_REGION) {
            for (queue, submission) in (0u16..).zip(&self.session.submissions).skip(1) {
                let offset = DOORBELLS.saturating_add(u64::from(queue).saturating_mul(DOORBELL_STRIDE));
                let address = Gpa::new(window.start).checked_add(offset);
                if let (Some(address), Some(_)) = (address, submission) {
                    visit(Doorbell { address, bytes: DOORBELL_BYTES, queue });
                }
            }
        }
    }
}
