//! Layouts of 5.2.

/// Bytes of a sector: the unit of positions, whatever the block size.
pub(super) const SECTOR_BYTES: u64 = 512;

/// Feature: `seg_max` is valid.
pub(super) const FEATURE_SEGMENTS: u64 = 1 << 2;
/// Feature: the device is read-only.
pub(super) const FEATURE_READ_ONLY: u64 = 1 << 5;
/// Feature: `blk_size` is valid.
pub(super) const FEATURE_BLOCK_SIZE: u64 = 1 << 6;
/// Feature: flush requests.
pub(super) const FEATURE_FLUSH: u64 = 1 << 9;
/// Feature: several queues.
pub(super) const FEATURE_QUEUES: u64 = 1 << 12;
/// Feature: discard requests.
pub(super) const FEATURE_DISCARD: u64 = 1 << 13;
/// Feature: write-zeroes requests.
pub(super) const FEATURE_WRITE_ZEROES: u64 = 1 << 14;

/// Request types (5.2.6).
pub(super) const READ: u32 = 0;
pub(super) const WRITE: u32 = 1;
pub(super) const FLUSH: u32 = 4;
pub(super) const GET_ID: u32 = 8;
pub(super) const DISCARD: u32 = 11;
pub(super) const WRITE_ZEROES: u32 = 13;

/// Bytes of a request's header: type, reserved, sector.
pub(super) const HEADER_BYTES: usize = 16;
/// Bytes of the status behind each request.
pub(super) const STATUS_BYTES: u64 = 1;
/// Bytes of one range of a discard or write-zeroes request: sector, count, flags.
pub(super) const RANGE_BYTES: usize = 16;
/// Range flag: the device may unmap what it zeroes.
pub(super) const RANGE_UNMAP: u32 = 1;

/// How a request went (5.2.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Status {
    Ok = 0,
    Error = 1,
    Unsupported = 2,
}

/// Bytes of the configuration (5.2.4).
pub(super) const CONFIG_BYTES: usize = 60;
/// Offsets in the configuration.
pub(super) const CAPACITY: usize = 0;
pub(super) const SEGMENTS: usize = 12;
pub(super) const BLOCK_SIZE: usize = 20;
pub(super) const QUEUES: usize = 34;
pub(super) const DISCARD_SECTORS: usize = 36;
pub(super) const DISCARD_RANGES: usize = 40;
pub(super) const DISCARD_ALIGNMENT: usize = 44;
pub(super) const ZERO_SECTORS: usize = 48;
pub(super) const ZERO_RANGES: usize = 52;
pub(super) const ZERO_MAY_UNMAP: usize = 56;
