//! Which sectors a command means.

use super::shape::Shape;
use crate::registers::Registers;
use spec::ata::SECTOR_BYTES;

/// Which registers hold address and count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    /// 28 address bits or a place on the disk, 8 bits of count.
    Short,
    /// 48 address bits, 16 bits of count.
    Long,
    /// 48 address bits, the count in the feature register (queued commands).
    Queued,
}

/// Sectors of a disk. Having one says that they exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    first: u64,
    count: u64,
}

impl Extent {
    /// The sectors that the registers name, if a disk of `sectors` has them all.
    pub(super) fn parse(registers: &Registers, width: Width, shape: &Shape, sectors: u64) -> Option<Self> {
        let first = match width {
            Width::Short if registers.is_lba() => short_address(registers),
            Width::Short => {
                let cylinder = registers.byte_count();
                shape.sector(cylinder, registers.device & 0xF, registers.lba_byte(0))?
            }
            Width::Long | Width::Queued => registers.lba,
        };
        // A count of zero means one more than the largest that fits (ACS 7.21.3).
        let count = match width {
            Width::Short => one_more(u64::from(registers.count & 0xFF), 1 << 8),
            Width::Long => one_more(u64::from(registers.count), 1 << 16),
            Width::Queued => one_more(u64::from(registers.feature), 1 << 16),
        };
        let end = first.checked_add(count)?;
        (end <= sectors).then_some(Self { first, count })
    }

    /// The same for a range of DATA SET MANAGEMENT: 48 bits of address, 16 bits of count, which may be zero.
    pub(super) fn parse_range(raw: u64, sectors: u64) -> Option<Self> {
        let (first, count) = (raw & 0xFFFF_FFFF_FFFF, raw >> 48);
        let end = first.checked_add(count)?;
        (end <= sectors).then_some(Self { first, count })
    }

    /// First byte on the volume.
    pub(super) fn offset(&self) -> u64 {
        self.first.saturating_mul(SECTOR_BYTES)
    }

    /// Number of bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.count.saturating_mul(SECTOR_BYTES)
    }
}

/// The 28 bits of a short address.
fn short_address(registers: &Registers) -> u64 {
    registers.lba & 0xFF_FFFF | u64::from(registers.device & 0xF) << 24
}

fn one_more(count: u64, instead_of_zero: u64) -> u64 {
    if count == 0 { instead_of_zero } else { count }
}
