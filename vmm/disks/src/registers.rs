//! The registers of a drive (ATA8-ACS 6): a command's inputs, then its outputs.

use serde::{Deserialize, Serialize};
use spec::ata::{DEVICE_LBA, STATUS_ERROR};

/// What host and drive say to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Registers {
    /// The command.
    pub(crate) command: u8,
    /// Feature: what was written last in the low half, before that in the high half.
    pub(crate) feature: u16,
    /// Sector count, in halves as above.
    pub(crate) count: u16,
    /// Address: 24 bits as written last, above them 24 bits as written before.
    pub(crate) lba: u64,
    /// Device: which drive, how addresses are meant, bits 24 to 27 of short addresses.
    pub(crate) device: u8,
    /// Error.
    pub(crate) error: u8,
    /// Status.
    pub(crate) status: u8,
}

/// Bits of the address register.
const LBA_MASK: u64 = 0xFFFF_FFFF_FFFF;

impl Registers {
    /// Whether the address is a sector number.
    pub(crate) fn is_lba(&self) -> bool {
        self.device & DEVICE_LBA != 0
    }

    /// Whether the last command failed.
    pub(crate) fn has_error(&self) -> bool {
        self.status & STATUS_ERROR != 0
    }

    /// The tag of a queued command (ACS 7.23).
    pub(crate) fn queue_tag(&self) -> u8 {
        (self.count >> 3 & 0x1F) as u8
    }

    /// One byte of the address, 0 to 5.
    pub(crate) fn lba_byte(&self, index: u32) -> u8 {
        (self.lba >> index.saturating_mul(8).min(63)) as u8
    }

    /// Writes one of the three address registers: what it held moves to the upper half.
    pub(crate) fn push_lba(&mut self, index: u32, value: u8) {
        let shift = index.saturating_mul(8).min(16);
        let before = self.lba >> shift & 0xFF;
        let cleared = self.lba & !(0xFF << shift) & !(0xFF << shift.saturating_add(24));
        self.lba = cleared | u64::from(value) << shift | before << shift.saturating_add(24);
    }

    /// Replaces the address.
    pub(crate) fn set_lba(&mut self, lba: u64) {
        self.lba = lba & LBA_MASK;
    }

    /// Replaces the middle and high bytes of the short address: byte counts of PACKET.
    pub(crate) fn set_byte_count(&mut self, bytes: u16) {
        self.lba = self.lba & !0xFF_FF00 | u64::from(bytes) << 8;
    }

    /// The middle and high bytes of the short address.
    pub(crate) fn byte_count(&self) -> u16 {
        (self.lba >> 8) as u16
    }
}
