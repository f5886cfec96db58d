//! The EEPROM: its content, the register that reads it, and its wires (SDM 5).

use super::model::Model;
use crate::MacAddress;
use serde::{Deserialize, Serialize};
use spec::e1000::{
    EECD_AUTO_READ, EECD_CLOCK, EECD_DATA_IN, EECD_DATA_OUT, EECD_GRANT, EECD_PRESENT, EECD_REQUEST,
    EECD_SELECT, EEPROM_SUM, EERD_START,
};

/// Words of the EEPROM.
const WORDS: usize = 64;
/// Bits of EECD that software sets.
const WIRES: u32 = EECD_CLOCK | EECD_SELECT | EECD_DATA_IN | EECD_REQUEST;
/// A command on the wires: start bit, two bits of operation, six of address.
const COMMAND_BITS: u32 = 9;
/// Start bit and "read".
const COMMAND_READ: u16 = 0b110;
/// The bit of the output that stands on the wire.
const OUTPUT_BIT: u32 = 1 << 16;
/// Words that say that the content is valid, in their two highest bits.
const SIGNATURE: u16 = 0x4000;

/// The EEPROM and the state of its wires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Eeprom {
    words: [u16; WORDS],
    pub(super) state: EepromState,
}

/// What changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct EepromState {
    /// EERD as it reads.
    read: u32,
    /// EECD as software wrote it.
    wires: u32,
    /// Bits that came in since the start bit.
    command: u16,
    command_bits: u32,
    /// The word that goes out: bit 16 stands on the wire. A zero goes before the word.
    output: u32,
    is_out: bool,
}

impl Eeprom {
    pub(super) fn new(model: Model, address: MacAddress) -> Self {
        let identity = model.identity();
        let mut words = [0; WORDS];
        let [a, b, c, d, e, f] = address.0;
        let content = [
            (0x00, u16::from_le_bytes([a, b])),
            (0x01, u16::from_le_bytes([c, d])),
            (0x02, u16::from_le_bytes([e, f])),
            (0x0A, SIGNATURE),
            (0x0B, identity.subsystem),
            (0x0C, identity.subsystem_vendor),
            (0x0D, identity.device),
            (0x0E, identity.vendor),
            (0x12, SIGNATURE),
        ];
        for (place, word) in content {
            if let Some(target) = words.get_mut(place) {
                *target = word;
            }
        }
        let sum = words.iter().fold(0u16, |sum, word| sum.wrapping_add(*word));
        if let Some(last) = words.last_mut() {
            *last = EEPROM_SUM.wrapping_sub(sum);
        }
        Self { words, state: EepromState::default() }
    }

    fn word(&self, index: u32) -> u16 {
        usize::try_from(index).ok().and_then(|index| self.words.get(index)).copied().unwrap_or(0xFFFF)
    }

    /// EERD.
    pub(super) fn read(&self) -> u32 {
        self.state.read
    }

    /// A write to EERD: the word is there at once. Its address and "done" are elsewhere on the 82574.
    pub(super) fn start_read(&mut self, model: Model, value: u32) {
        let (shift, done) = match model {
            Model::I82540em => (8, 1 << 4),
            Model::I82574l => (2, 1 << 1),
        };
        let mask = if model == Model::I82540em { 0xFF00 } else { 0xFFFC };
        if value & EERD_START != 0 {
            let address = value & mask;
            self.state.read = u32::from(self.word(address >> shift)) << 16 | address | done;
        }
    }

    /// EECD.
    pub(super) fn wires(&self, model: Model) -> u32 {
        let wires = self.state.wires;
        let grant = if wires & EECD_REQUEST != 0 { EECD_GRANT } else { 0 };
        let data = if !self.state.is_out || self.state.output & OUTPUT_BIT != 0 { EECD_DATA_OUT } else { 0 };
        let read = if model == Model::I82574l { EECD_AUTO_READ } else { 0 };
        wires | grant | data | read | EECD_PRESENT
    }

    /// A write to EECD: a Microwire EEPROM listens to rising edges of the clock.
    pub(super) fn set_wires(&mut self, value: u32) {
        let before = self.state.wires;
        self.state.wires = value & WIRES;
        if value & EECD_SELECT == 0 {
            let wires = self.state.wires;
            self.state = EepromState { read: self.state.read, wires, ..EepromState::default() };
        } else if value & !before & EECD_CLOCK != 0 {
            self.clock(value & EECD_DATA_IN != 0);
        }
    }

    fn clock(&mut self, data: bool) {
        let state = &mut self.state;
        if state.is_out {
            state.output = state.output << 1 | 1;
            return;
        }
        if state.command_bits == 0 && !data {
            // No start bit yet.
            return;
        }
        state.command = state.command << 1 | u16::from(data);
        state.command_bits = state.command_bits.saturating_add(1);
        if state.command_bits < COMMAND_BITS {
            return;
        }
        let command = core::mem::take(&mut state.command);
        state.command_bits = 0;
        if command >> 6 == COMMAND_READ {
            self.state.output = u32::from(self.word(u32::from(command & 0x3F)));
            self.state.is_out = true;
        }
    }
}
