//! Guest memory as devices reach it.

use base_units::Gpa;

/// Why guest memory was not accessed: the guest named memory that it does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryError {
    /// Part of the range is not RAM of the guest.
    OutOfRange,
}

/// A range of guest-physical addresses. Having one says nothing about what lies there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GuestRange {
    /// First byte.
    pub start: Gpa,
    /// Number of bytes.
    pub bytes: u64,
}

/// The RAM of one guest.
///
/// The guest's processors change it at any moment, so nothing here hands out a reference: data is
/// copied in or out, and what was copied once is checked and used from the copy. A range must lie
/// in one piece of RAM as a whole, or nothing is accessed at all.
///
/// The integer functions access naturally aligned integers in one piece, and accesses happen in
/// the order of the calls as the compiler is concerned; between processors a fence is the
/// caller's task.
pub trait GuestMemory {
    /// Copies guest memory at `from` into the whole of `into`.
    fn read(&self, from: Gpa, into: &mut [u8]) -> Result<(), MemoryError>;

    /// Copies the whole of `from` to guest memory at `to`.
    fn write(&self, to: Gpa, from: &[u8]) -> Result<(), MemoryError>;

    /// Sets every byte of the range to `value`.
    fn fill(&self, range: GuestRange, value: u8) -> Result<(), MemoryError>;

    /// Whether the whole range is RAM in one piece.
    fn check(&self, range: GuestRange) -> Result<(), MemoryError>;

    /// Reads one byte.
    fn read_u8(&self, from: Gpa) -> Result<u8, MemoryError> {
        let mut bytes = [0; 1];
        self.read(from, &mut bytes)?;
        Ok(u8::from_le_bytes(bytes))
    }

    /// Reads a little-endian 16-bit integer.
    fn read_u16(&self, from: Gpa) -> Result<u16, MemoryError> {
        let mut bytes = [0; 2];
        self.read(from, &mut bytes)?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// Reads a little-endian 32-bit integer.
    fn read_u32(&self, from: Gpa) -> Result<u32, MemoryError> {
        let mut bytes = [0; 4];
        self.read(from, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Reads a little-endian 64-bit integer.
    fn read_u64(&self, from: Gpa) -> Result<u64, MemoryError> {
        let mut bytes = [0; 8];
        self.read(from, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes one byte.
    fn write_u8(&self, to: Gpa, value: u8) -> Result<(), MemoryError> {
        self.write(to, &value.to_le_bytes())
    }

    /// Writes a little-endian 16-bit integer.
    fn write_u16(&self, to: Gpa, value: u16) -> Result<(), MemoryError> {
        self.write(to, &value.to_le_bytes())
    }

    /// Writes a little-endian 32-bit integer.
    fn write_u32(&self, to: Gpa, value: u32) -> Result<(), MemoryError> {
        self.write(to, &value.to_le_bytes())
    }

    /// Writes a little-endian 64-bit integer.
    fn write_u64(&self, to: Gpa, value: u64) -> Result<(), MemoryError> {
        self.write(to, &value.to_le_bytes())
    }
}
