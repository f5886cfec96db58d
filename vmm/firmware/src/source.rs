//! The kernel file as something that can be read piecewise.

use crate::FirmwareError;

/// A file of known size. The program reads it from a memory object, tests from a slice.
pub trait FileBytes {
    /// Size in bytes.
    fn len(&self) -> u64;

    /// Copies the bytes from `offset` on into the whole of `into`, or fails with
    /// [`FirmwareError::Truncated`] (past the end) or [`FirmwareError::Unreadable`].
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), FirmwareError>;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FileBytes for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), FirmwareError> {
        let start = usize::try_from(offset).map_err(|_| FirmwareError::Truncated)?;
        let end = start.checked_add(into.len()).ok_or(FirmwareError::Truncated)?;
        let bytes = self.get(start..end).ok_or(FirmwareError::Truncated)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

/// Bytes of a header that was copied once, read as little-endian integers. What lies outside reads as zero:
/// the header's size has been checked before.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a>(pub(crate) &'a [u8]);

impl Header<'_> {
    fn bytes<const N: usize>(self, offset: usize) -> [u8; N] {
        let found = offset.checked_add(N).and_then(|end| self.0.get(offset..end));
        found.and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
    }

    pub(crate) fn u8(self, offset: usize) -> u8 {
        u8::from_le_bytes(self.bytes(offset))
    }

    pub(crate) fn u16(self, offset: usize) -> u16 {
        u16::from_le_bytes(self.bytes(offset))
    }

    pub(crate) fn u32(self, offset: usize) -> u32 {
        u32::from_le_bytes(self.bytes(offset))
    }

    pub(crate) fn u64(self, offset: usize) -> u64 {
        u64::from_le_bytes(self.bytes(offset))
    }
}

/// Writes bytes into a structure that is being built; the offsets are our own constants.
pub(crate) fn put(structure: &mut [u8], offset: usize, bytes: &[u8]) {
    structure[offset..offset + bytes.len()].copy_from_slice(bytes);
}
