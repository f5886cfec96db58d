//! Where a command that moves data is.

use super::{
    command::{Command, MULTI_TRACK, Operation, VERIFY_COUNTS},
    disk::SECTOR_BYTES,
};
use serde::{Deserialize, Serialize};

/// Sectors that one command moves at the most: two sides with the largest number.
pub(super) const SECTORS_MAX: usize = 512;

/// Which way the data of a command goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Flow {
    /// Sectors to the guest.
    Read,
    /// Sectors from the guest.
    Write,
    /// Sectors are only looked for.
    Verify,
    /// Addresses of the sectors of a new track come from the guest.
    Format,
}

/// The address that a sector says it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) track: u8,
    pub(super) head: u8,
    pub(super) sector: u8,
    pub(super) size: u8,
}

/// A command under way, with the sector that it is at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) flow: Flow,
    pub(super) drive: u8,
    /// The side whose head is used.
    pub(super) head: u8,
    pub(super) address: Address,
    /// The last sector of a track.
    last: u8,
    is_multi_track: bool,
    pub(super) is_double_density: bool,
    /// Deleted data are wanted; there are none.
    pub(super) wants_deleted: bool,
    /// What new sectors are filled with.
    pub(super) filler: u8,
    /// Sectors still to be moved, at the most.
    left: u16,
    /// Bytes of the sector (or of its new address) that were moved.
    pub(super) position: u16,
}

impl Progress {
    pub(super) fn begin(command: &Command) -> Self {
        let operation = command.operation();
        let is_format = operation == Operation::Format;
        let address = Address {
            track: command.byte(2),
            head: command.byte(3),
            sector: if operation == Operation::ReadTrack { 1 } else { command.byte(4) },
            size: command.byte(5),
        };
        let counts = operation == Operation::Verify && command.byte(1) & VERIFY_COUNTS != 0;
        let limit = if counts { u16::from(command.byte(8)) } else { SECTORS_MAX as u16 };
        Self {
            flow: match operation {
                Operation::Write | Operation::WriteDeleted => Flow::Write,
                Operation::Verify => Flow::Verify,
                Operation::Format => Flow::Format,
                _ => Flow::Read,
            },
            drive: command.byte(1) & 3,
            head: command.head(),
            address: if is_format {
                Address { size: command.byte(2), ..Address::default() }
            } else {
                address
            },
            last: if is_format { command.byte(3) } else { command.byte(6) },
            is_multi_track: command.has(MULTI_TRACK) && operation != Operation::ReadTrack,
            is_double_density: command.has(super::command::DOUBLE_DENSITY),
            wants_deleted: operation == Operation::ReadDeleted,
            filler: command.byte(5),
            left: if is_format { u16::from(command.byte(3)) } else { limit },
            position: 0,
        }
    }

    /// Bytes that each step moves: a sector, or the address of a new one.
    pub(super) fn step_bytes(&self) -> usize {
        if self.flow == Flow::Format { 4 } else { SECTOR_BYTES as usize }
    }

    /// Goes on to the next sector. `false` if there is none: the last one of the track, or of as many as were asked
    /// for, is done. The address is then the one that the result tells (82077AA data sheet, table 6-2).
    pub(super) fn advance(&mut self) -> bool {
        self.position = 0;
        self.left = self.left.saturating_sub(1);
        if self.flow == Flow::Format {
            return self.left != 0;
        }
        let is_last_of_track = self.address.sector >= self.last;
        if !is_last_of_track {
            self.address.sector = self.address.sector.saturating_add(1);
            return self.left != 0;
        }
        self.address.sector = 1;
        let goes_on = self.is_multi_track && self.head == 0;
        if self.is_multi_track {
            self.address.head ^= 1;
        }
        if goes_on {
            self.head ^= 1;
        } else {
            self.address.track = self.address.track.wrapping_add(1);
        }
        goes_on && self.left != 0
    }

    /// Whether there is nothing to do from the start.
    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Whether all sectors that a "verify" named were looked at.
    pub(super) fn is_satisfied(&self) -> bool {
        matches!(self.flow, Flow::Verify | Flow::Format)
    }
}
