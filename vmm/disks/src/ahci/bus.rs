//! The controller on the bus.

use super::Ahci;
use base_units::Nanos;
use vmm_bus::{
    AccessSize, Attention, Context, Device, Inspector, Region, Volume,
    access::{read_dwords, write_dwords},
    pci::Window,
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

impl<V: Volume + Send + 'static> Device for Ahci<V> {
    fn name(&self) -> &'static str {
        "ahci"
    }

    fn read(&mut self, _region: Region, offset: u64, size: AccessSize, _context: &mut Context<'_>) -> u64 {
        read_dwords(offset, size, |register| self.read_register(register))
    }

    /// Software writes aligned dwords, or quadwords as two of them (3); others are ignored.
    fn write(
        &mut self,
        _region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        write_dwords(offset, size, value, |register, value| self.write_register(register, value, context));
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        self.function.reset();
        self.reset_ports();
    }

    fn save(&self) -> SavedState {
        self.save_all()
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.restore_all(saved)
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("ports waiting", u64::from(self.waiting));
        for (index, port) in self.ports.iter().enumerate() {
            let Some(drive) = port.drive() else { continue };
            inspector.enter("port");
            inspector.number("index", index as u64);
            inspector.flag("started", port.is_started());
            inspector.flag("stopped by an error", port.state.is_stopped);
            inspector.number("issued", u64::from(port.registers.issued));
            inspector.number("queued", u64::from(port.registers.active));
            drive.inspect(inspector);
            inspector.leave();
        }
    }

    fn deadline(&self) -> Nanos {
        if self.function.is_master() && self.has_work() { Nanos::ZERO } else { Nanos::MAX }
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.run(context);
        context.effects.note(Attention::DEADLINE);
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.function.config_read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        if self.function.config_write(offset, size, value, context.effects).master {
            self.run(context);
            context.effects.note(Attention::DEADLINE);
        }
    }

    fn windows(&self) -> &[Window] {
        self.function.windows()
    }
}
