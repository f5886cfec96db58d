//! Intel's command set as a state machine: writes go in, what to do with the array comes out.
//!
//! Commands take no time: when the guest looks, they are over. The details follow the chip that firmware for
//! virtual machines knows (QEMU, hw/block/pflash_cfi01.c): a cleared status reads as zero, "ready" included,
//! and a chip whose status was cleared shows its array.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_bus::AccessSize;

/// Bytes of one buffered write at the most.
pub const BUFFER_BYTES: u16 = 2048;

const PROGRAM_INTEL: u8 = 0x10;
const ERASE: u8 = 0x20;
const ERASE_SUSPENDED: u8 = 0x28;
const PROGRAM: u8 = 0x40;
const CLEAR_STATUS: u8 = 0x50;
const LOCK: u8 = 0x60;
const READ_STATUS: u8 = 0x70;
const READ_IDENTIFIER: u8 = 0x90;
const QUERY: u8 = 0x98;
const CONFIRM: u8 = 0xD0;
const BUFFER: u8 = 0xE8;

/// Status: the chip waits for commands.
const READY: u8 = 1 << 7;
/// Status: an erase failed. Together with [`PROGRAM_FAILED`]: the sequence of commands was wrong.
const ERASE_FAILED: u8 = 1 << 5;
/// Status: programming failed.
const PROGRAM_FAILED: u8 = 1 << 4;
/// Status: the block may not be written.
const IS_PROTECTED: u8 = 1 << 1;

/// What reads show and what the next write means.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Mode {
    Array,
    Status,
    Identifier,
    Query,
    /// The next write is data.
    Program,
    /// The next write confirms.
    Erase,
    /// The next write says which kind of lock.
    Lock,
    /// The next write is the number of data writes less one.
    BufferCount,
    /// So many writes are data.
    BufferData {
        writes_left: u16,
        bytes: Vec<(u64, u8)>,
    },
    /// The next write confirms the buffer.
    BufferConfirm {
        bytes: Vec<(u64, u8)>,
    },
}

/// What a read shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// The array.
    Array,
    /// The status, at every address.
    Status(u8),
    /// Manufacturer and device.
    Identifier,
    /// The table of [`crate::cfi`].
    Query,
}

/// What a write asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Nothing.
    None,
    /// Set these bytes.
    Program(Vec<(u64, u8)>),
    /// Set the block that this byte lies in to ones.
    Erase(u64),
}

/// How an action ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was done.
    Done,
    /// The chip is protected, or there is no such place.
    Refused,
}

/// A write of the guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Write {
    /// Where.
    pub offset: u64,
    /// How wide.
    pub size: AccessSize,
    /// What. Its lowest byte is the command.
    pub value: u64,
}

impl Write {
    fn command(self) -> u8 {
        self.value as u8
    }

    /// The bytes with their places.
    fn bytes(self) -> impl Iterator<Item = (u64, u8)> {
        let places = (0..self.size.bytes()).map(move |index| self.offset.wrapping_add(index));
        places.zip(self.value.to_le_bytes())
    }
}

/// The state of the command set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Commands {
    mode: Mode,
    status: u8,
}

impl Default for Commands {
    fn default() -> Self {
        Self { mode: Mode::Array, status: READY }
    }
}

impl Commands {
    /// What reads show now.
    pub fn view(&self) -> View {
        match self.mode {
            Mode::Array => View::Array,
            Mode::Identifier => View::Identifier,
            Mode::Query => View::Query,
            _ => View::Status(self.status),
        }
    }

    /// Whether a state that was read from outside is one that this can be in.
    pub(crate) fn is_possible(&self) -> bool {
        match &self.mode {
            Mode::BufferData { writes_left, bytes } => {
                (1..=BUFFER_BYTES).contains(writes_left) && bytes.len() <= usize::from(BUFFER_BYTES)
            }
            Mode::BufferConfirm { bytes } => bytes.len() <= usize::from(BUFFER_BYTES),
            _ => true,
        }
    }

    /// Handles a write. The caller carries the action out and says how with [`Commands::end`].
    pub fn write(&mut self, write: Write) -> Action {
        match core::mem::replace(&mut self.mode, Mode::Status) {
            Mode::Array | Mode::Status | Mode::Identifier | Mode::Query => self.begin(write.command()),
            Mode::Program => return Action::Program(write.bytes().collect()),
            Mode::Erase if write.command() == CONFIRM => return Action::Erase(write.offset),
            Mode::Lock if write.command() == CONFIRM || write.command() <= 1 => self.status |= READY,
            Mode::BufferCount => self.mode = self.buffer(write.value),
            Mode::BufferData { writes_left, bytes } => self.mode = self.collect(writes_left, bytes, write),
            Mode::BufferConfirm { bytes } if write.command() == CONFIRM => return Action::Program(bytes),
            Mode::Erase | Mode::Lock | Mode::BufferConfirm { .. } => self.mode = Mode::Array,
        }
        Action::None
    }

    /// Notes how an action ended.
    pub fn end(&mut self, action: &Action, outcome: Outcome) {
        self.status |= READY;
        if outcome == Outcome::Refused {
            self.status |= IS_PROTECTED;
            self.status |= if matches!(action, Action::Erase(_)) { ERASE_FAILED } else { PROGRAM_FAILED };
        }
    }

    /// The first write of a command.
    fn begin(&mut self, command: u8) {
        self.mode = match command {
            PROGRAM | PROGRAM_INTEL => Mode::Program,
            ERASE | ERASE_SUSPENDED => Mode::Erase,
            LOCK => Mode::Lock,
            READ_STATUS => Mode::Status,
            READ_IDENTIFIER => Mode::Identifier,
            QUERY => Mode::Query,
            BUFFER => {
                self.status |= READY;
                Mode::BufferCount
            }
            CLEAR_STATUS => {
                self.status = 0;
                Mode::Array
            }
            // 0xFF, and whatever this chip does not know.
            _ => Mode::Array,
        };
    }

    /// The second write of a buffered write.
    fn buffer(&mut self, count: u64) -> Mode {
        match u16::try_from(count & 0xFFFF).ok().and_then(|count| count.checked_add(1)) {
            Some(writes) if writes <= BUFFER_BYTES => {
                Mode::BufferData { writes_left: writes, bytes: Vec::new() }
            }
            _ => self.wrong_sequence(),
        }
    }

    /// A data write of a buffered write.
    fn collect(&mut self, writes_left: u16, mut bytes: Vec<(u64, u8)>, write: Write) -> Mode {
        bytes.extend(write.bytes());
        if bytes.len() > usize::from(BUFFER_BYTES) {
            return self.wrong_sequence();
        }
        match writes_left.saturating_sub(1) {
            0 => Mode::BufferConfirm { bytes },
            writes_left => Mode::BufferData { writes_left, bytes },
        }
    }

    fn wrong_sequence(&mut self) -> Mode {
        self.status |= READY | ERASE_FAILED | PROGRAM_FAILED;
        Mode::Status
    }
}
