//! The card on the bus.

use super::{E1000, model::MEMORY_BAR};
use crate::Wire;
use base_units::Nanos;
use vmm_bus::{
    AccessSize, Attention, Context, Device, Inspector, Region,
    access::{read_dwords, write_dwords},
    pci::Window,
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// Ports: the register's offset, then its data (SDM 13.2).
const PORT_ADDRESS: u64 = 0;
const PORT_DATA: u64 = 4;
/// Bytes of registers.
const REGISTERS_END: u64 = 0x2_0000;

impl<W: Wire> E1000<W> {
    /// Where an access to the ports goes: a register's offset.
    fn port_target(&self) -> Option<u64> {
        let offset = u64::from(self.control.port_address) & !3;
        (offset < REGISTERS_END).then_some(offset)
    }
}

impl<W: Wire> Device for E1000<W> {
    fn name(&self) -> &'static str {
        self.model.name()
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        if let Some(value) = self.function.msix_read(region, offset, size) {
            return value;
        }
        let is_port = region == Region(self.model.port_bar());
        read_dwords(offset, size, |register| match register {
            register if region == Region(MEMORY_BAR) => self.read_register(register, context.effects),
            PORT_ADDRESS if is_port => self.control.port_address,
            PORT_DATA if is_port => {
                self.port_target().map_or(0, |target| self.read_register(target, context.effects))
            }
            _ => 0,
        })
    }

    /// Software writes aligned dwords (SDM 13.1), or quadwords as two of them; others are ignored.
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
        let is_port = region == Region(self.model.port_bar());
        write_dwords(offset, size, value, |register, value| match register {
            register if region == Region(MEMORY_BAR) => self.write_register(register, value, context),
            PORT_ADDRESS if is_port => self.control.port_address = value,
            PORT_DATA if is_port => {
                if let Some(target) = self.port_target() {
                    self.write_register(target, value, context);
                }
            }
            _ => {}
        });
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        self.function.reset();
        self.reset_registers();
        self.control.port_address = 0;
        self.phy = super::Phy::new(self.model);
        context.effects.note(Attention::WINDOWS | Attention::DEADLINE);
    }

    fn save(&self) -> SavedState {
        self.save_all()
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.restore_all(saved)
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.flag("link", self.wire.is_up());
        inspector.number("receive control", u64::from(self.control.receive));
        inspector.number("transmit control", u64::from(self.control.transmit));
        inspector.number("interrupt causes", u64::from(self.interrupts.causes));
        inspector.number("interrupt mask", u64::from(self.interrupts.mask));
        let receive = self.receive_rings.iter().map(|ring| ("receive ring", ring));
        let transmit = self.transmitters.iter().map(|transmitter| ("transmit ring", &transmitter.ring));
        for (name, ring) in receive.chain(transmit) {
            inspector.enter(name);
            inspector.number("head", u64::from(ring.head));
            inspector.number("tail", u64::from(ring.tail));
            inspector.leave();
        }
    }

    fn deadline(&self) -> Nanos {
        if self.has_work && self.function.is_master() { Nanos::ZERO } else { Nanos::MAX }
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.transmit(context);
    }

    fn notify(&mut self, _queue: u16, context: &mut Context<'_>) {
        self.transmit(context);
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.function.config_read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        if self.function.config_write(offset, size, value, context.effects).master {
            self.transmit(context);
            context.effects.note(Attention::DEADLINE);
        }
        self.update(context.effects);
    }

    fn windows(&self) -> &[Window] {
        self.function.windows()
    }
}
