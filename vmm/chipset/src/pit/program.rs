//! How software talks to a counter: control words, bytes of counts, latches.

use super::wave::Mode;
use serde::{Deserialize, Serialize};

/// Which bytes of a count are read and written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Access {
    /// The low one.
    Low,
    /// The high one.
    High,
    /// The low one, then the high one.
    Both,
}

impl Access {
    fn bits(self) -> u8 {
        match self {
            Access::Low => 1,
            Access::High => 2,
            Access::Both => 3,
        }
    }
}

/// What a byte at the control port says (8254 data sheet, figures 7 and 10).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ControlWord {
    /// Latches the count of one counter.
    Latch { counter: u8 },
    /// Latches counts and statuses of those whose bit is set.
    ReadBack { counters: u8, count: bool, status: bool },
    /// Programs a counter.
    Program { counter: u8, access: Access, mode: Mode, is_decimal: bool },
}

impl ControlWord {
    pub(super) fn decode(value: u8) -> Self {
        let counter = value >> 6;
        let access = match value >> 4 & 3 {
            _ if counter == 3 => {
                let is_clear = |bit: u8| value & 1 << bit == 0;
                return Self::ReadBack { counters: value >> 1 & 7, count: is_clear(5), status: is_clear(4) };
            }
            0 => return Self::Latch { counter },
            1 => Access::Low,
            2 => Access::High,
            _ => Access::Both,
        };
        Self::Program { counter, access, mode: Mode::from_bits(value >> 1), is_decimal: value & 1 != 0 }
    }
}

/// The bytes between software and a counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Port {
    access: Access,
    /// The low byte of a count whose high byte is to come.
    written_low: Option<u8>,
    /// The next byte that is read is the high one.
    reads_high: bool,
    latched_count: Option<u16>,
    latched_status: Option<u8>,
}

impl Port {
    pub(super) fn new(access: Access) -> Self {
        Self { access, written_low: None, reads_high: false, latched_count: None, latched_status: None }
    }

    /// A byte of a count; the count if it is whole.
    pub(super) fn write(&mut self, byte: u8) -> Option<u16> {
        match (self.access, self.written_low.take()) {
            (Access::Low, _) => Some(u16::from(byte)),
            (Access::High, _) => Some(u16::from(byte) << 8),
            (Access::Both, Some(low)) => Some(u16::from_le_bytes([low, byte])),
            (Access::Both, None) => {
                self.written_low = Some(byte);
                None
            }
        }
    }

    /// The next byte of what was latched, or else of the count now.
    pub(super) fn read(&mut self, count_now: impl FnOnce() -> u16) -> u8 {
        if let Some(status) = self.latched_status.take() {
            return status;
        }
        let [low, high] = self.latched_count.unwrap_or_else(count_now).to_le_bytes();
        let (byte, is_last) = match (self.access, self.reads_high) {
            (Access::Low, _) => (low, true),
            (Access::High, _) => (high, true),
            (Access::Both, false) => (low, false),
            (Access::Both, true) => (high, true),
        };
        self.reads_high = !is_last;
        if is_last {
            self.latched_count = None;
        }
        byte
    }

    /// Latches a count, unless one waits already.
    pub(super) fn latch_count(&mut self, count: u16) {
        self.latched_count.get_or_insert(count);
    }

    /// Latches a status, unless one waits already.
    pub(super) fn latch_status(&mut self, status: u8) {
        self.latched_status.get_or_insert(status);
    }

    /// The bits of the status that say how bytes are read and written.
    pub(super) fn status_bits(&self) -> u8 {
        self.access.bits() << 4
    }
}
