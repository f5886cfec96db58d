//! One 8259A as a value.

use super::command::{AUTOMATIC_END, Command, END, ROTATE, SPECIAL_FULLY_NESTED, SPECIFIC};
use serde::{Deserialize, Serialize};

/// What the next byte at the data port is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Expects {
    /// Nothing was initialized yet: only ICW1 is understood.
    FirstWord,
    /// ICW2: the vectors.
    Vectors,
    /// ICW3: the cascade.
    Cascade,
    /// ICW4: modes.
    Modes,
    /// OCW1: the mask. Initialization is complete.
    Mask,
}

/// One controller with eight inputs. One bit of a byte is one input; bit 0 has the highest priority after
/// initialization.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chip {
    expects: Expects,
    has_cascade_word: bool,
    has_modes_word: bool,
    /// Vector of input 0.
    base: u8,
    automatic_end: bool,
    special_fully_nested: bool,
    rotate_on_automatic_end: bool,
    special_mask: bool,
    /// The next read polls.
    poll: bool,
    /// The command port reads as the in-service register, not as requests.
    reads_in_service: bool,
    /// The input with the lowest priority.
    lowest: u8,
    mask: u8,
    in_service: u8,
    /// Requests that came by an edge.
    latched: u8,
    /// Levels of the inputs now.
    inputs: u8,
    /// Inputs that request by level.
    by_level: u8,
}

impl Chip {
    /// After power-on, with these inputs requesting by level.
    pub(super) fn new(by_level: u8) -> Self {
        Self {
            expects: Expects::FirstWord,
            has_cascade_word: false,
            has_modes_word: false,
            base: 0,
            automatic_end: false,
            special_fully_nested: false,
            rotate_on_automatic_end: false,
            special_mask: false,
            poll: false,
            reads_in_service: false,
            lowest: 7,
            mask: 0xFF,
            in_service: 0,
            latched: 0,
            inputs: 0,
            by_level,
        }
    }

    /// Which inputs request by level.
    pub(super) fn by_level(&self) -> u8 {
        self.by_level
    }

    /// Changes which inputs request by level.
    pub(super) fn set_by_level(&mut self, by_level: u8) {
        // An edge from before is no request by level, and none after that either.
        self.latched &= !(self.by_level | by_level);
        self.by_level = by_level;
    }

    /// The inputs now.
    pub(super) fn set_inputs(&mut self, inputs: u8) {
        self.latched |= inputs & !self.inputs & !self.by_level;
        self.inputs = inputs;
    }

    /// Levels of the inputs now.
    pub(super) fn inputs(&self) -> u8 {
        self.inputs
    }

    /// The interrupt requests (IRR).
    pub(super) fn requests(&self) -> u8 {
        self.latched | self.inputs & self.by_level
    }

    /// The in-service register.
    pub(super) fn in_service(&self) -> u8 {
        self.in_service
    }

    /// The mask; everything counts as masked before initialization.
    pub(super) fn mask(&self) -> u8 {
        if self.expects == Expects::Mask { self.mask } else { 0xFF }
    }

    /// The vector of an input.
    pub(super) fn vector(&self, input: u8) -> u8 {
        self.base & 0xF8 | input & 7
    }

    /// The input that the processor is asked to serve. `nests` are inputs that may interrupt themselves: the
    /// cascade, in special fully nested mode.
    pub(super) fn pending(&self, nests: u8) -> Option<u8> {
        let request = self.highest(self.requests() & !self.mask())?;
        let mut serving = self.in_service;
        if self.special_mask {
            serving &= !self.mask;
        }
        if self.special_fully_nested {
            serving &= !nests;
        }
        match self.highest(serving) {
            Some(served) if self.rank(request) >= self.rank(served) => None,
            _ => Some(request),
        }
    }

    /// The processor acknowledges an input.
    pub(super) fn acknowledge(&mut self, input: u8) {
        self.latched &= !(1 << (input & 7));
        if !self.automatic_end {
            self.in_service |= 1 << (input & 7);
        } else if self.rotate_on_automatic_end {
            self.lowest = input & 7;
        }
    }

    /// Software writes to the command port.
    pub(super) fn write_command(&mut self, value: u8) {
        match Command::decode(value) {
            Command::Initialize { is_single, has_fourth } => self.initialize(is_single, has_fourth),
            Command::End { operation, input } => self.end(operation, input),
            Command::Operate { special_mask, poll, read_in_service } => {
                self.special_mask = special_mask.unwrap_or(self.special_mask);
                self.reads_in_service = read_in_service.unwrap_or(self.reads_in_service);
                self.poll = poll;
            }
        }
    }

    /// Software writes to the data port.
    pub(super) fn write_data(&mut self, value: u8) {
        let after_cascade = if self.has_modes_word { Expects::Modes } else { Expects::Mask };
        self.expects = match self.expects {
            Expects::FirstWord => Expects::FirstWord,
            Expects::Vectors => {
                self.base = value & 0xF8;
                if self.has_cascade_word { Expects::Cascade } else { after_cascade }
            }
            // The board has wired the cascade; software cannot change it.
            Expects::Cascade => after_cascade,
            Expects::Modes => {
                self.automatic_end = value & AUTOMATIC_END != 0;
                self.special_fully_nested = value & SPECIAL_FULLY_NESTED != 0;
                Expects::Mask
            }
            Expects::Mask => {
                self.mask = value;
                Expects::Mask
            }
        };
    }

    /// Software reads the command port.
    pub(super) fn read_command(&mut self, nests: u8) -> u8 {
        if self.poll {
            return self.answer_poll(nests);
        }
        if self.reads_in_service { self.in_service } else { self.requests() }
    }

    /// Software reads the data port.
    pub(super) fn read_data(&mut self, nests: u8) -> u8 {
        if self.poll { self.answer_poll(nests) } else { self.mask }
    }

    /// What cannot be in a saved state is made possible.
    pub(super) fn sanitize(&mut self, by_level_allowed: u8, by_level_always: u8) {
        self.lowest &= 7;
        self.by_level = self.by_level & by_level_allowed | by_level_always;
        self.latched &= !self.by_level;
    }

    /// A poll acknowledges like the processor does (8259A data sheet, "poll command").
    fn answer_poll(&mut self, nests: u8) -> u8 {
        self.poll = false;
        let Some(input) = self.pending(nests) else { return 0 };
        self.acknowledge(input);
        1 << 7 | input
    }

    fn initialize(&mut self, is_single: bool, has_fourth: bool) {
        let inputs = self.inputs;
        *self = Self::new(self.by_level);
        self.inputs = inputs;
        self.mask = 0;
        self.has_cascade_word = !is_single;
        self.has_modes_word = has_fourth;
        self.expects = Expects::Vectors;
    }

    fn end(&mut self, operation: u8, input: u8) {
        let is_end = operation & END != 0;
        let is_rotation = operation & ROTATE != 0;
        let ended = match (is_end, operation & SPECIFIC != 0) {
            (true, true) => Some(input),
            // Special mask mode hides masked inputs from it (8259A data sheet, "end of interrupt").
            (true, false) if self.special_mask => self.highest(self.in_service & !self.mask),
            (true, false) => self.highest(self.in_service),
            (false, false) => {
                self.rotate_on_automatic_end = is_rotation;
                return;
            }
            // Set priority; without rotation it is no operation.
            (false, true) => Some(input),
        };
        let Some(ended) = ended else { return };
        if is_end {
            self.in_service &= !(1 << ended);
        }
        if is_rotation {
            self.lowest = ended;
        }
    }

    /// How many inputs have a higher priority.
    fn rank(&self, input: u8) -> u8 {
        input.wrapping_sub(self.lowest).wrapping_sub(1) & 7
    }

    /// The input with the highest priority among `inputs`.
    fn highest(&self, inputs: u8) -> Option<u8> {
        let inputs_set = (0..8).filter(|input| inputs & 1 << input != 0);
        inputs_set.min_by_key(|input| self.rank(*input))
    }
}
