//! The controller on the bus.

use super::{Xhci, registers::DOORBELLS};
use base_units::Nanos;
use vmm_bus::{
    AccessSize, Context, Device, Inspector, Region,
    access::{read_dwords, write_dwords},
    pci::Window,
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

impl Device for Xhci {
    fn name(&self) -> &'static str {
        "xhci"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        if let Some(value) = self.function.msix_read(region, offset, size) {
            return value;
        }
        read_dwords(offset, size, |register| self.read_register(register, context))
    }

    /// Software writes aligned dwords, or quadwords as two of them (5.1); others are ignored.
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
        // Two doorbells in one write: no driver does that.
        let size = if offset >= DOORBELLS { size.min(AccessSize::Dword) } else { size };
        write_dwords(offset, size, value, |register, value| self.write_register(register, value, context));
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        self.function.reset();
        self.reset_controller();
        self.announced = Nanos::MAX;
    }

    fn save(&self) -> SavedState {
        self.save_all()
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.restore_all(saved)
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("status", u64::from(self.registers.status));
        inspector.flag("running", self.is_running());
        inspector.number("lamps", u64::from(self.lamps()));
        inspector.number("keyboard reports", self.devices.keyboard.function.waiting() as u64);
        inspector.number("tablet reports", self.devices.tablet.function.waiting() as u64);
        for port in &self.ports {
            inspector.number("port", u64::from(port.status));
        }
        for (number, slot) in self.slots.iter().enumerate() {
            let Some(slot) = slot else { continue };
            inspector.enter("slot");
            inspector.number("number", number as u64);
            slot.inspect(inspector);
            inspector.leave();
        }
    }

    fn deadline(&self) -> Nanos {
        self.next_deadline()
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.run(context);
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.function.config_read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        self.function.config_write(offset, size, value, context.effects);
        self.run(context);
    }

    fn windows(&self) -> &[Window] {
        self.function.windows()
    }
}
