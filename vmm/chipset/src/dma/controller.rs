//! Both controllers and their ports.

use super::channel::{Agreement, Channel, Direction};
use alloc::vec::Vec;
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use vmm_bus::{GuestMemory, Inspector};
use vmm_snapshot::RestoreError;

/// Port ranges: first port and how many. Port 0x80 and its likes, page registers of no channel, are left to those who
/// write there for the delay.
pub const PORTS: [(u16, u16); 6] = [(0x00, 16), (0x81, 3), (0x87, 1), (0x89, 3), (0x8F, 1), (0xC0, 32)];

/// Channels of both controllers; number 4 is the cascade.
const CHANNELS: usize = 8;
/// Page registers in the order of their ports from 0x81 on, with the channel of each.
const PAGES: [(u16, usize); 8] =
    [(0x81, 2), (0x82, 3), (0x83, 1), (0x87, 0), (0x89, 6), (0x8A, 7), (0x8B, 5), (0x8F, 4)];
/// Command register: the controller is off.
const COMMAND_OFF: u8 = 1 << 2;

/// What became of a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moved {
    /// Bytes moved.
    pub bytes: usize,
    /// The channel has reached its count (TC).
    pub is_terminal: bool,
}

/// One controller's registers besides those of its channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Controller {
    command: u8,
    /// Masked channels, one bit each.
    mask: u8,
    /// Channels that have reached their count since the status was read.
    terminal: u8,
    /// The next byte of an address or count is the high one.
    is_high: bool,
}

impl Controller {
    const RESET: Self = Self { command: 0, mask: 0x0F, terminal: 0, is_high: false };
}

/// The two controllers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dma {
    channels: [Channel; CHANNELS],
    controllers: [Controller; 2],
}

/// What is saved of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DmaState {
    channels: Vec<Channel>,
    controllers: [Controller; 2],
}

/// What a port is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Port {
    /// A page register, of a channel.
    Page(usize),
    /// Address or count of a channel.
    Channel { channel: usize, is_count: bool },
    /// A register of a controller, 8 to 15.
    Register { controller: usize, register: u16 },
}

impl Port {
    fn find(port: u16) -> Option<Self> {
        if let Some((_, channel)) = PAGES.iter().find(|(page, _)| *page == port) {
            return Some(Self::Page(*channel));
        }
        let (controller, register) = match port {
            0x00..=0x0F => (0, port),
            // The second one sees words: its registers are two ports apart.
            0xC0..=0xDF => (1, (port - 0xC0) / 2),
            _ => return None,
        };
        Some(if register < 8 {
            let channel = controller * 4 + usize::from(register / 2);
            Self::Channel { channel, is_count: register % 2 == 1 }
        } else {
            Self::Register { controller, register }
        })
    }
}

impl Default for Dma {
    fn default() -> Self {
        Self::new()
    }
}

impl Dma {
    /// After power-on: everything masked.
    pub fn new() -> Self {
        Self { channels: Default::default(), controllers: [Controller::RESET; 2] }
    }

    /// Whether a device's request on `channel` would be served now.
    pub fn is_open(&self, channel: usize) -> bool {
        self.controllers.get(channel / 4).is_some_and(|controller| {
            controller.mask & 1 << (channel % 4) == 0 && controller.command & COMMAND_OFF == 0
        })
    }

    /// Moves data between a device and memory until `data` or the channel's count ends. A channel that is masked or
    /// programmed for the other direction moves nothing.
    pub fn transfer(
        &mut self,
        channel: usize,
        direction: Direction,
        memory: &dyn GuestMemory,
        data: &mut [u8],
    ) -> Moved {
        let mut moved = Moved::default();
        let unit: usize = if channel < 4 { 1 } else { 2 };
        while !moved.is_terminal && self.is_open(channel) {
            let Some(rest) = data.get_mut(moved.bytes..) else { break };
            let wanted = u32::try_from(rest.len() / unit).unwrap_or(u32::MAX);
            let Some(registers) = self.channels.get_mut(channel).filter(|_| wanted != 0) else { break };
            let agreement = registers.agrees(direction);
            if agreement == Agreement::Refuses {
                break;
            }
            let step = registers.step(wanted);
            let bytes = (step.transfers as usize).saturating_mul(unit).min(rest.len());
            let at = address(registers.page, step.first, unit);
            if let (Agreement::Moves, Some(part)) = (agreement, rest.get_mut(..bytes)) {
                // What is not RAM takes nothing and gives nothing.
                let _ = match direction {
                    Direction::ToMemory => memory.write(at, part),
                    Direction::FromMemory => memory.read(at, part),
                };
            }
            moved.bytes = moved.bytes.saturating_add(bytes);
            moved.is_terminal = step.is_terminal;
            let restarts = registers.restarts();
            if step.is_terminal {
                self.note_terminal(channel, restarts);
            }
        }
        moved
    }

    /// Reads the register at a port.
    pub fn read(&mut self, port: u16) -> u8 {
        match Port::find(port) {
            Some(Port::Page(channel)) => self.channels.get(channel).map_or(0xFF, |channel| channel.page),
            Some(Port::Channel { channel, is_count }) => {
                let is_high = self.toggle(channel / 4);
                self.channels.get(channel).map_or(0xFF, |channel| channel.read(is_count, is_high))
            }
            Some(Port::Register { controller, register }) => self.read_register(controller, register),
            None => 0xFF,
        }
    }

    /// Writes the register at a port.
    pub fn write(&mut self, port: u16, value: u8) {
        match Port::find(port) {
            Some(Port::Page(channel)) => {
                if let Some(channel) = self.channels.get_mut(channel) {
                    channel.page = value;
                }
            }
            Some(Port::Channel { channel, is_count }) => {
                let is_high = self.toggle(channel / 4);
                if let Some(channel) = self.channels.get_mut(channel) {
                    channel.write(is_count, is_high, value);
                }
            }
            Some(Port::Register { controller, register }) => self.write_register(controller, register, value),
            None => {}
        }
    }

    /// What is saved.
    pub fn save(&self) -> DmaState {
        DmaState { channels: self.channels.to_vec(), controllers: self.controllers }
    }

    /// Takes over a saved state.
    pub fn restore(&mut self, state: DmaState) -> Result<(), RestoreError> {
        let wrong_count = RestoreError::Impossible("there are eight DMA channels");
        self.channels = state.channels.try_into().map_err(|_| wrong_count)?;
        self.controllers = state.controllers;
        Ok(())
    }

    /// Reports live state.
    pub fn inspect(&self, inspector: &mut dyn Inspector) {
        let [first, second] = &self.controllers;
        inspector.number("masked DMA channels", u64::from(second.mask << 4 | first.mask));
    }

    fn read_register(&mut self, controller: usize, register: u16) -> u8 {
        let Some(controller) = self.controllers.get_mut(controller) else { return 0xFF };
        match register {
            0x08 => core::mem::take(&mut controller.terminal),
            0x0F => controller.mask,
            _ => 0,
        }
    }

    fn write_register(&mut self, index: usize, register: u16, value: u8) {
        let channel = usize::from(value & 3);
        let Some(controller) = self.controllers.get_mut(index) else { return };
        match register {
            0x08 => controller.command = value,
            0x0A if value & 4 != 0 => controller.mask |= 1 << channel,
            0x0A => controller.mask &= !(1 << channel),
            0x0B => {
                let channel = index.saturating_mul(4).saturating_add(channel);
                if let Some(channel) = self.channels.get_mut(channel) {
                    channel.set_mode(value);
                }
            }
            0x0C => controller.is_high = false,
            0x0D => *controller = Controller::RESET,
            0x0E => controller.mask = 0,
            0x0F => controller.mask = value & 0x0F,
            // Requests by software move memory to memory, which PCs do not have.
            _ => {}
        }
    }

    /// Whether this byte is the high one; the next one is the other.
    fn toggle(&mut self, controller: usize) -> bool {
        let Some(controller) = self.controllers.get_mut(controller) else { return false };
        let is_high = controller.is_high;
        controller.is_high = !is_high;
        is_high
    }

    fn note_terminal(&mut self, channel: usize, restarts: bool) {
        if let Some(controller) = self.controllers.get_mut(channel / 4) {
            controller.terminal |= 1 << (channel % 4);
            if !restarts {
                controller.mask |= 1 << (channel % 4);
            }
        }
    }
}

/// Where a transfer begins in memory.
fn address(page: u8, first: u16, unit: usize) -> Gpa {
    let (page, first) = (u64::from(page), u64::from(first));
    Gpa::new(if unit == 1 { page << 16 | first } else { (page & !1) << 16 | first << 1 })
}
