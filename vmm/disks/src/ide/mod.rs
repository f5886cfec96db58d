//! The IDE controller of the PIIX3: two channels at the ports that PCs always had, with two drives each, and bus
//! mastering (Intel 82371SB data sheet; "Programming Interface for Bus Master IDE Controller" 1.0).

mod bus;
mod bus_master;
mod channel;
mod saved;
#[cfg(test)]
mod tests;

use crate::drive::{Drive, Interface};
use alloc::vec::Vec;
use channel::Channel;
use vmm_bus::{
    Attention, Context, Line, Region, Volume,
    pci::{BarKind, Function, Identity},
};

/// Channels of the controller.
pub const CHANNELS: usize = 2;
/// Drives of a channel.
pub const DRIVES: usize = 2;
/// The BAR of the bus master registers.
pub const BAR: u8 = 4;
/// Ports of the bus master registers.
pub const BAR_BYTES: u64 = 16;
/// Pins of the interrupt controller that the channels' interrupts are wired to.
pub const PINS: [u8; CHANNELS] = [14, 15];

/// Region of a channel's eight command ports; the second channel's follows two later.
const COMMAND_REGION: u16 = 0x10;
/// Region of a channel's control port.
const CONTROL_REGION: u16 = 0x11;

/// Regions and ports that the board maps, whatever software says: first port and their number.
pub const FIXED_PORTS: [(Region, u16, u16); 4] = [
    (Region(COMMAND_REGION), 0x1F0, 8),
    (Region(CONTROL_REGION), 0x3F6, 1),
    (Region(COMMAND_REGION + 2), 0x170, 8),
    (Region(CONTROL_REGION + 2), 0x376, 1),
];

/// PIIX3 IDE: both channels at their old ports, bus mastering.
const IDENTITY: Identity = Identity {
    vendor: 0x8086,
    device: 0x7010,
    subsystem_vendor: 0,
    subsystem: 0,
    class: 0x01_01_80,
    revision: 0,
};
/// Timing of both channels and of second drives (82371SB 2.4): kept for software, without effect.
const TIMING: u16 = 0x40;
/// Both channels are decoded.
const TIMING_INITIAL: [u8; 5] = [0, 0x80, 0, 0x80, 0];

/// The controller with its drives.
pub struct Ide<V> {
    function: Function,
    channels: Vec<Channel<V>>,
}

impl<V: Volume> Ide<V> {
    /// A controller whose drives are, in order: first and second of the first channel, of the second channel. What
    /// does not fit is left out. `source` is the controller's number on the pins of [`PINS`].
    pub fn new(source: u8, drives: impl IntoIterator<Item = Option<Drive<V>>>) -> Self {
        let mut function = Function::new(&IDENTITY).with_bar(BAR, BarKind::Io, BAR_BYTES);
        function.config_mut().set(TIMING, &TIMING_INITIAL);
        function.config_mut().allow(TIMING, &[0xFF; TIMING_INITIAL.len()]);
        let mut drives = drives.into_iter();
        let mut plug = || {
            let mut drive = drives.next().flatten()?;
            drive.plug(Interface::Parallel);
            Some(drive)
        };
        let channels = PINS.iter().map(|pin| {
            let drives = [plug(), plug()];
            Channel::new(Line { pin: *pin, source }, drives)
        });
        let channels = channels.collect();
        Self { function, channels }
    }

    /// A drive by its place in [`Ide::new`].
    pub fn drive(&self, place: usize) -> Option<&Drive<V>> {
        self.channels.get(place / DRIVES)?.drive(place % DRIVES)
    }

    /// A drive by its place, to change its disc.
    pub fn drive_mut(&mut self, place: usize) -> Option<&mut Drive<V>> {
        self.channels.get_mut(place / DRIVES)?.drive_mut(place % DRIVES)
    }

    /// Lets the channels move data that can, and drives their interrupts.
    fn run(&mut self, context: &mut Context<'_>) {
        let is_master = self.function.is_master();
        for channel in &mut self.channels {
            if is_master && channel.run(context.memory) {
                context.effects.note(Attention::DEADLINE);
            }
            channel.update_interrupt(context.effects);
        }
    }
}
