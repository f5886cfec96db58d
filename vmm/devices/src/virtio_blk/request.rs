//! Requests, as the guest wrote them and as they fit the disk.

use super::registers::{
    DISCARD, FLUSH, GET_ID, HEADER_BYTES, RANGE_BYTES, RANGE_UNMAP, READ, SECTOR_BYTES, Status, WRITE,
    WRITE_ZEROES,
};

/// A request's header exactly as the guest wrote it. Nothing in it has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RawRequest {
    kind: u32,
    sector: u64,
}

/// A range of bytes that lies within the disk and begins and ends with a sector. Only
/// [`DiskRange::within`] makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DiskRange {
    offset: u64,
    bytes: u64,
}

impl DiskRange {
    /// The range of `bytes` bytes from `sector` on, if a disk of `capacity` bytes has it.
    pub(super) fn within(sector: u64, bytes: u64, capacity: u64) -> Option<Self> {
        let offset = sector.checked_mul(SECTOR_BYTES)?;
        let end = offset.checked_add(bytes)?;
        let is_inside = bytes.is_multiple_of(SECTOR_BYTES) && end <= capacity;
        is_inside.then_some(Self { offset, bytes })
    }

    pub(super) fn offset(self) -> u64 {
        self.offset
    }

    pub(super) fn bytes(self) -> u64 {
        self.bytes
    }
}

/// A request that the disk can try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Request {
    Read(DiskRange),
    Write(DiskRange),
    Flush,
    GetId,
    Discard,
    WriteZeroes,
}

impl RawRequest {
    pub(super) fn parse(header: [u8; HEADER_BYTES]) -> Self {
        let [k0, k1, k2, k3, _, _, _, _, s0, s1, s2, s3, s4, s5, s6, s7] = header;
        Self {
            kind: u32::from_le_bytes([k0, k1, k2, k3]),
            sector: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
        }
    }

    /// Checks the request against a disk of `capacity` bytes; `read` and `written` are the bytes of its
    /// data in the two directions.
    pub(super) fn check(self, capacity: u64, read: u64, written: u64) -> Result<Request, Status> {
        let range = |bytes| DiskRange::within(self.sector, bytes, capacity).ok_or(Status::Error);
        match self.kind {
            READ => range(written).map(Request::Read),
            WRITE => range(read).map(Request::Write),
            FLUSH => Ok(Request::Flush),
            GET_ID => Ok(Request::GetId),
            DISCARD => Ok(Request::Discard),
            WRITE_ZEROES => Ok(Request::WriteZeroes),
            _ => Err(Status::Unsupported),
        }
    }
}

/// One range of a discard or write-zeroes request, as the guest wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RawRange {
    sector: u64,
    sectors: u32,
    flags: u32,
}

impl RawRange {
    pub(super) fn parse(raw: [u8; RANGE_BYTES]) -> Self {
        let [s0, s1, s2, s3, s4, s5, s6, s7, c0, c1, c2, c3, f0, f1, f2, f3] = raw;
        Self {
            sector: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            sectors: u32::from_le_bytes([c0, c1, c2, c3]),
            flags: u32::from_le_bytes([f0, f1, f2, f3]),
        }
    }

    /// Checks the range. `flags_allowed` are the flags of the request's type (5.2.6.2: a reserved flag, or
    /// "unmap" in a discard, is "unsupported").
    pub(super) fn check(
        self,
        capacity: u64,
        flags_allowed: u32,
        sectors_max: u32,
    ) -> Result<DiskRange, Status> {
        if self.flags & !flags_allowed != 0 {
            return Err(Status::Unsupported);
        }
        if self.sectors > sectors_max {
            return Err(Status::Error);
        }
        let bytes = u64::from(self.sectors).saturating_mul(SECTOR_BYTES);
        DiskRange::within(self.sector, bytes, capacity).ok_or(Status::Error)
    }
}

/// Flags that a write-zeroes range may have.
pub(super) const ZERO_FLAGS: u32 = RANGE_UNMAP;
/// Flags that a discard range may have.
pub(super) const DISCARD_FLAGS: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_past_the_last_sector_is_refused() {
        assert!(DiskRange::within(7, 512, 4096).is_some());
        assert_eq!(DiskRange::within(8, 512, 4096), None);
        assert_eq!(DiskRange::within(7, 1024, 4096), None);
        assert_eq!(DiskRange::within(u64::MAX, 512, 4096), None);
        assert_eq!(DiskRange::within(u64::MAX / 512, u64::MAX, 4096), None);
    }

    #[test]
    fn a_range_that_ends_within_a_sector_is_refused() {
        assert_eq!(DiskRange::within(0, 100, 4096), None);
    }
}
