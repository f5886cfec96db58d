//! A volume that two devices can be made over, and that notices writes where there must be none.

use std::sync::{Arc, Mutex, MutexGuard};
use vmm_bus::{ByteVolume, GuestMemory, GuestRange, Volume, VolumeError};

/// Bytes of a medium.
const BYTES: usize = 64 * 1024;

/// A volume in memory.
#[derive(Clone)]
pub(super) struct Medium {
    content: Arc<Mutex<Vec<u8>>>,
    is_sealed: bool,
}

impl Medium {
    /// A medium that can be written.
    pub(super) fn open() -> Self {
        let content = (0..BYTES).map(|at| (at / 512) as u8).collect();
        Self { content: Arc::new(Mutex::new(content)), is_sealed: false }
    }

    /// A medium that nobody may write.
    pub(super) fn sealed() -> Self {
        Self { is_sealed: true, ..Self::open() }
    }

    /// A medium with the same content.
    pub(super) fn copy(&self) -> Self {
        Self { content: Arc::new(Mutex::new(self.lock().clone())), is_sealed: self.is_sealed }
    }

    /// Whether both hold the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        *self.lock() == *other.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.content.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn check(&self) {
        assert!(!self.is_sealed, "the read-only disk was written");
    }
}

impl Volume for Medium {
    fn bytes(&self) -> u64 {
        BYTES as u64
    }

    fn read(&mut self, offset: u64, memory: &dyn GuestMemory, buffer: GuestRange) -> Result<(), VolumeError> {
        ByteVolume::new(&mut self.lock()[..]).read(offset, memory, buffer)
    }

    fn write(
        &mut self,
        offset: u64,
        memory: &dyn GuestMemory,
        buffer: GuestRange,
    ) -> Result<(), VolumeError> {
        self.check();
        ByteVolume::new(&mut self.lock()[..]).write(offset, memory, buffer)
    }

    fn flush(&mut self) -> Result<(), VolumeError> {
        Ok(())
    }

    fn discard(&mut self, offset: u64, bytes: u64) -> Result<(), VolumeError> {
        self.check();
        ByteVolume::new(&mut self.lock()[..]).discard(offset, bytes)
    }

    fn write_zeroes(&mut self, offset: u64, bytes: u64) -> Result<(), VolumeError> {
        self.check();
        ByteVolume::new(&mut self.lock()[..]).write_zeroes(offset, bytes)
    }
}
