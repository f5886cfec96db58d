//! Both controllers, cascaded.

use super::chip::Chip;
use serde::{Deserialize, Serialize};

/// Inputs of both controllers; [`CASCADE_INPUT`] is not for devices.
pub const INPUTS: u8 = 16;
/// The input of the first controller where the second one is.
pub const CASCADE_INPUT: u8 = 2;
const CASCADE: u8 = 1 << CASCADE_INPUT;
/// What a controller says when the request went away before it was acknowledged (8259A data sheet, "interrupt
/// sequence").
const SPURIOUS_INPUT: u8 = 7;

/// The two controllers of a PC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PicPair {
    first: Chip,
    second: Chip,
}

/// What is saved of both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PicPairState {
    first: Chip,
    second: Chip,
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Ports 0x20 and 0x21.
    First,
    /// Ports 0xA0 and 0xA1.
    Second,
}

impl Which {
    /// Inputs that may request by level (ICH9 data sheet, 13.4.12): not timer, keyboard and cascade; not clock
    /// and coprocessor.
    const fn by_level_allowed(self) -> u8 {
        match self {
            Which::First => 0b1111_1000,
            Which::Second => 0b1101_1110,
        }
    }

    /// Inputs that always do: the second controller's output needs no edges to be heard.
    const fn by_level_always(self) -> u8 {
        match self {
            Which::First => CASCADE,
            Which::Second => 0,
        }
    }
}

impl Default for PicPair {
    fn default() -> Self {
        Self::new()
    }
}

impl PicPair {
    /// After power-on: silent until software initializes them.
    pub fn new() -> Self {
        Self {
            first: Chip::new(Which::First.by_level_always()),
            second: Chip::new(Which::Second.by_level_always()),
        }
    }

    /// The levels of all inputs, one bit each.
    pub fn set_inputs(&mut self, inputs: u16) {
        let [first, second] = inputs.to_le_bytes();
        self.second.set_inputs(second);
        let cascade = self.first.inputs() & CASCADE;
        self.first.set_inputs(first & !CASCADE | cascade);
        self.settle();
    }

    /// Whether the processor is asked to acknowledge (INTR).
    pub fn wants_acknowledge(&self) -> bool {
        self.first.pending(CASCADE).is_some()
    }

    /// The processor acknowledges: the vector.
    pub fn acknowledge(&mut self) -> u8 {
        let vector = match self.first.pending(CASCADE) {
            Some(CASCADE_INPUT) => {
                let input = self.second.pending(0);
                input.into_iter().for_each(|input| self.second.acknowledge(input));
                self.first.acknowledge(CASCADE_INPUT);
                self.second.vector(input.unwrap_or(SPURIOUS_INPUT))
            }
            Some(input) => {
                self.first.acknowledge(input);
                self.first.vector(input)
            }
            None => self.first.vector(SPURIOUS_INPUT),
        };
        self.settle();
        vector
    }

    /// Whether a request at `input` would reach the processor sooner or later: nothing masks it.
    pub fn listens(&self, input: u8) -> bool {
        let bit = 1 << (input & 7);
        if input < 8 {
            return self.first.mask() & bit == 0;
        }
        input < INPUTS && self.second.mask() & bit == 0 && self.first.mask() & CASCADE == 0
    }

    /// Software reads the command (`offset` 0) or data port (1).
    pub fn read(&mut self, which: Which, offset: u64) -> u8 {
        let (chip, nests) = self.chip(which);
        let value = if offset & 1 == 0 { chip.read_command(nests) } else { chip.read_data(nests) };
        self.settle();
        value
    }

    /// Software writes the command (`offset` 0) or data port (1).
    pub fn write(&mut self, which: Which, offset: u64, value: u8) {
        let (chip, _) = self.chip(which);
        if offset & 1 == 0 {
            chip.write_command(value);
        } else {
            chip.write_data(value);
        }
        self.settle();
    }

    /// The edge/level control register of one controller.
    pub fn by_level(&self, which: Which) -> u8 {
        let chip = match which {
            Which::First => &self.first,
            Which::Second => &self.second,
        };
        chip.by_level() & which.by_level_allowed()
    }

    /// Writes an edge/level control register.
    pub fn set_by_level(&mut self, which: Which, value: u8) {
        let (chip, _) = self.chip(which);
        chip.set_by_level(value & which.by_level_allowed() | which.by_level_always());
        self.settle();
    }

    /// Requests of both, one bit each.
    pub fn requests(&self) -> u16 {
        u16::from_le_bytes([self.first.requests(), self.second.requests()])
    }

    /// What both serve, one bit each.
    pub fn in_service(&self) -> u16 {
        u16::from_le_bytes([self.first.in_service(), self.second.in_service()])
    }

    /// What both mask, one bit each.
    pub fn mask(&self) -> u16 {
        u16::from_le_bytes([self.first.mask(), self.second.mask()])
    }

    /// What is saved.
    pub fn save(&self) -> PicPairState {
        PicPairState { first: self.first.clone(), second: self.second.clone() }
    }

    /// Takes over a saved state.
    pub fn restore(&mut self, state: PicPairState) {
        let PicPairState { mut first, mut second } = state;
        first.sanitize(Which::First.by_level_allowed(), Which::First.by_level_always());
        second.sanitize(Which::Second.by_level_allowed(), Which::Second.by_level_always());
        *self = Self { first, second };
        self.settle();
    }

    /// A controller and which of its inputs nest.
    fn chip(&mut self, which: Which) -> (&mut Chip, u8) {
        match which {
            Which::First => (&mut self.first, CASCADE),
            Which::Second => (&mut self.second, 0),
        }
    }

    /// Tells the first controller what the second one wants.
    fn settle(&mut self) {
        let cascade = if self.second.pending(0).is_some() { CASCADE } else { 0 };
        let inputs = self.first.inputs() & !CASCADE | cascade;
        self.first.set_inputs(inputs);
    }
}
