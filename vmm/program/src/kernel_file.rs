//! The kernel file as the firmware reads it.

use user_rt::Memory;
use vmm_firmware::{FileBytes, FirmwareError};

/// A file at the start of a memory object.
pub(crate) struct KernelFile<'a> {
    pub(crate) memory: &'a Memory,
    pub(crate) bytes: u64,
}

impl FileBytes for KernelFile<'_> {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), FirmwareError> {
        let end = offset.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.bytes) {
            return Err(FirmwareError::Truncated);
        }
        self.memory.read(offset, into).map_err(|_| FirmwareError::Unreadable)
    }
}
