//! What registers do.

use super::{E1000, Phy, model::Model, phy::PhyEvent, plain, ring::Ring};
use crate::Wire;
use spec::e1000::{
    CTRL, CTRL_COPY, CTRL_EXT, CTRL_LINK_UP, CTRL_MASTER_DISABLE, CTRL_PHY_RESET, CTRL_RESET, EECD, EERD,
    EIAC, IAM, ICR, ICS, IMC, IMS, IVAR, MDIC, MDIC_INTERRUPT, RCTL, RING_STRIDE, RX_RING, STATISTICS,
    STATISTICS_END, STATUS, STATUS_FULL_DUPLEX, STATUS_LINK_UP, STATUS_MASTER, STATUS_SPEED_1000, SWSM, TCTL,
    TX_RING, cause,
};
use vmm_bus::{Context, Effects};

/// Semaphore: somebody has it. Reading takes it.
const SEMAPHORE_TAKEN: u32 = 1 << 0;
const SEMAPHORE_MASK: u32 = 0b11;
/// IVAR: five fields of four bits, and the bit of write-backs.
const IVAR_MASK: u32 = 0x800F_FFFF;

/// A register of a ring.
enum Place {
    Receive(usize, u64),
    Transmit(usize, u64),
}

impl<W: Wire> E1000<W> {
    pub(super) fn read_plain(&self, offset: u64) -> u32 {
        plain::read(&self.plain, offset)
    }

    /// Reads the register at an aligned offset.
    pub(super) fn read_register(&mut self, offset: u64, effects: &mut Effects) -> u32 {
        match offset {
            CTRL | CTRL_COPY => self.control.device,
            STATUS => self.status(),
            EECD => self.eeprom.wires(self.model),
            EERD => self.eeprom.read(),
            CTRL_EXT => self.control.extended,
            MDIC => self.phy.answer,
            ICR => {
                let causes = self.interrupts.take(self.model, self.control.extended, &self.function);
                self.update(effects);
                causes
            }
            ICS | IMS => self.interrupts.mask,
            RCTL => self.control.receive,
            TCTL => self.control.transmit,
            STATISTICS..STATISTICS_END => self.statistics.take(offset),
            EIAC if self.is_new() => self.interrupts.auto_clear,
            IAM if self.is_new() => self.interrupts.auto_mask,
            IVAR if self.is_new() => self.interrupts.vectors,
            SWSM if self.is_new() => {
                let value = self.control.semaphore;
                self.control.semaphore |= SEMAPHORE_TAKEN;
                value
            }
            _ => match self.ring_at(offset) {
                Some(Place::Receive(index, at)) => {
                    self.receive_rings.get(index).map_or(0, |ring| ring.read(at))
                }
                Some(Place::Transmit(index, at)) => {
                    self.transmitters.get(index).map_or(0, |transmitter| transmitter.ring.read(at))
                }
                None => match self.filter.register(offset) {
                    Some(register) => *register,
                    None => self.read_plain(offset),
                },
            },
        }
    }

    /// Writes the register at an aligned offset.
    pub(super) fn write_register(&mut self, offset: u64, value: u32, context: &mut Context<'_>) {
        match offset {
            CTRL | CTRL_COPY => self.write_control(value, context),
            EECD => self.eeprom.set_wires(value),
            EERD => self.eeprom.start_read(self.model, value),
            CTRL_EXT => self.control.extended = value,
            MDIC => self.access_phy(value),
            ICR => self.interrupts.causes &= !value,
            ICS => self.interrupts.raise(self.model, value),
            IMS => self.interrupts.mask |= value & self.model.causes(),
            IMC => self.interrupts.mask &= !value,
            RCTL => self.control.receive = value,
            TCTL => {
                self.control.transmit = value;
                self.transmit(context);
            }
            STATUS | STATISTICS..STATISTICS_END => {}
            EIAC if self.is_new() => self.interrupts.auto_clear = value & cause::VECTORED,
            IAM if self.is_new() => self.interrupts.auto_mask = value,
            IVAR if self.is_new() => self.interrupts.vectors = value & IVAR_MASK,
            SWSM if self.is_new() => self.control.semaphore = value & SEMAPHORE_MASK,
            _ => self.write_table(offset, value, context),
        }
        self.update(context.effects);
    }

    /// Writes a register of rings, of tables, or one that only keeps its value.
    fn write_table(&mut self, offset: u64, value: u32, context: &mut Context<'_>) {
        match self.ring_at(offset) {
            Some(Place::Receive(index, at)) => {
                if let Some(ring) = self.receive_rings.get_mut(index) {
                    ring.write(at, value);
                }
            }
            Some(Place::Transmit(index, at)) => {
                if let Some(transmitter) = self.transmitters.get_mut(index) {
                    transmitter.ring.write(at, value);
                }
                self.transmit(context);
            }
            None => match self.filter.register(offset) {
                Some(register) => *register = value,
                None => plain::write(&mut self.plain, offset, value),
            },
        }
    }

    fn is_new(&self) -> bool {
        self.model == Model::I82574l
    }

    /// Which ring's register lies at an offset.
    fn ring_at(&self, offset: u64) -> Option<Place> {
        let place = |first: u64| {
            let within = offset.checked_sub(first)?;
            let index =
                usize::try_from(within / RING_STRIDE).ok().filter(|index| *index < self.model.rings())?;
            let at = within % RING_STRIDE;
            Ring::has(at).then_some((index, at))
        };
        let receive = place(RX_RING).map(|(index, at)| Place::Receive(index, at));
        receive.or_else(|| place(TX_RING).map(|(index, at)| Place::Transmit(index, at)))
    }

    fn status(&self) -> u32 {
        let link = if self.wire.is_up() { STATUS_LINK_UP } else { 0 };
        let is_master = self.is_new() && self.control.device & CTRL_MASTER_DISABLE == 0;
        let master = if is_master { STATUS_MASTER } else { 0 };
        STATUS_FULL_DUPLEX | STATUS_SPEED_1000 | link | master
    }

    fn write_control(&mut self, value: u32, context: &mut Context<'_>) {
        if value & CTRL_RESET != 0 {
            self.reset_registers();
            context.effects.note(vmm_bus::Attention::DEADLINE);
            return;
        }
        let begins = value & !self.control.device & CTRL_LINK_UP != 0;
        if value & CTRL_PHY_RESET != 0 {
            self.phy = Phy::new(self.model);
        }
        self.control.device = value & !CTRL_PHY_RESET;
        if begins || value & CTRL_PHY_RESET != 0 {
            self.negotiate();
        }
    }

    fn access_phy(&mut self, value: u32) {
        let event = self.phy.access(self.model, self.wire.is_up(), value);
        if event == PhyEvent::Negotiated {
            self.negotiate();
        }
        if value & MDIC_INTERRUPT != 0 {
            self.interrupts.raise(self.model, cause::MDIO);
        }
    }

    /// The link comes up anew, if there is one.
    fn negotiate(&mut self) {
        if self.wire.is_up() {
            self.interrupts.raise(self.model, cause::LINK);
        }
    }
}
