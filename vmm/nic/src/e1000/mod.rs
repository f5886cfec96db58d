//! Intel's 8254x family: the 82540EM ("e1000") for old systems, and the 82574L ("e1000e") with messages.
//!
//! - [`model`]: how the two differ. [`E1000`]: the card as a value; [`bus`]: as a device.
//! - [`registers`]: what a register does; [`plain`]: registers that only keep what is written.
//! - [`eeprom`], [`phy`]: what hangs on the controller's own wires.
//! - [`ring`], [`transmit`], [`receive`]: descriptors. [`offload`]: checksums and segments.
//! - [`filter`]: which frames are for this card. [`statistics`], [`interrupts`], [`saved`].
//!
//! Sections cited are those that [`spec::e1000`] names. Not there: wake-up, RSS (all frames go to the first queue, as
//! those without a hash do), split headers, time stamps, delays of interrupts, and jumbo frames, since no wire takes
//! them.

mod bus;
mod check_sequence;
mod eeprom;
mod filter;
mod interrupts;
mod model;
mod offload;
mod phy;
mod plain;
mod receive;
mod registers;
mod ring;
mod saved;
mod statistics;
#[cfg(test)]
mod tests;
mod transmit;

pub use model::Model;

use crate::{MacAddress, Wire};
use alloc::vec::Vec;
use eeprom::Eeprom;
use filter::Filter;
use interrupts::Interrupts;
use phy::Phy;
use ring::Ring;
use serde::{Deserialize, Serialize};
use spec::e1000::cause;
use statistics::Statistics;
use transmit::Transmitter;
use vmm_bus::{Context, Effects, Line, pci::Function};

/// Rings in each direction at the most.
const RINGS_MAX: usize = 2;

/// Control registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Control {
    device: u32,
    extended: u32,
    receive: u32,
    transmit: u32,
    semaphore: u32,
    /// The register that the ports reach.
    port_address: u32,
}

/// A network card.
pub struct E1000<W> {
    model: Model,
    address: MacAddress,
    wire: W,
    function: Function,
    control: Control,
    plain: Vec<u32>,
    interrupts: Interrupts,
    eeprom: Eeprom,
    phy: Phy,
    filter: Filter,
    statistics: Statistics,
    receive_rings: [Ring; RINGS_MAX],
    transmitters: [Transmitter; RINGS_MAX],
    /// Descriptors wait for the next call.
    has_work: bool,
    /// The frame that is sent or received at the moment.
    frame: Vec<u8>,
}

impl<W: Wire> E1000<W> {
    /// A card with this address on this wire, whose interrupt pin is wired to `line`.
    pub fn new(model: Model, address: MacAddress, line: Line, wire: W) -> Self {
        Self {
            model,
            address,
            wire,
            function: model.function(line),
            control: Control::default(),
            plain: plain::initial(model),
            interrupts: Interrupts::default(),
            eeprom: Eeprom::new(model, address),
            phy: Phy::new(model),
            filter: Filter::new(address),
            statistics: Statistics::new(),
            receive_rings: Default::default(),
            transmitters: Default::default(),
            has_work: false,
            frame: Vec::new(),
        }
    }

    /// The wire.
    pub fn wire_mut(&mut self) -> &mut W {
        &mut self.wire
    }

    /// The wire's link came or went.
    pub fn link_changed(&mut self, context: &mut Context<'_>) {
        self.raise(cause::LINK, context.effects);
    }

    /// Something happened that the driver may want to know.
    fn raise(&mut self, causes: u32, effects: &mut Effects) {
        self.interrupts.raise(self.model, causes);
        self.update(effects);
    }

    fn update(&mut self, effects: &mut Effects) {
        self.interrupts.update(self.control.extended, &mut self.function, effects);
    }

    /// The reset that software asks for: everything but configuration space and the PHY.
    fn reset_registers(&mut self) {
        self.control = Control { port_address: self.control.port_address, ..Control::default() };
        self.plain = plain::initial(self.model);
        self.interrupts = Interrupts::default();
        self.eeprom = Eeprom::new(self.model, self.address);
        self.filter = Filter::new(self.address);
        self.statistics.reset();
        self.receive_rings = Default::default();
        self.transmitters = Default::default();
        self.has_work = false;
    }
}
