//! The bytes behind a virtual disk.

use crate::memory::{GuestMemory, GuestRange, MemoryError};
use alloc::boxed::Box;
use base_units::Gpa;
use core::cell::RefCell;

/// Why a volume did not do what a disk asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VolumeError {
    /// The range does not lie within the volume.
    OutOfRange,
    /// The guest's buffer is not RAM.
    BadBuffer,
    /// The medium failed.
    Failed,
}

impl From<MemoryError> for VolumeError {
    fn from(_: MemoryError) -> Self {
        VolumeError::BadBuffer
    }
}

/// Whether a guest may write to its disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reads only.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

/// A volume that moves data between itself and guest memory directly.
///
/// Offsets and sizes are in bytes. The caller has checked nothing; the volume refuses what
/// does not fit it.
pub trait Volume {
    /// Size of the volume.
    fn bytes(&self) -> u64;

    /// Copies from the volume at `offset` to the whole of `buffer`.
    fn read(&mut self, offset: u64, memory: &dyn GuestMemory, buffer: GuestRange) -> Result<(), VolumeError>;

    /// Copies the whole of `buffer` to the volume at `offset`.
    fn write(&mut self, offset: u64, memory: &dyn GuestMemory, buffer: GuestRange)
    -> Result<(), VolumeError>;

    /// Copies from the volume at `offset` to the whole of `into`, which is no memory of the guest's.
    fn read_bytes(&mut self, offset: u64, into: &mut [u8]) -> Result<(), VolumeError> {
        let whole = GuestRange { start: Gpa::new(0), bytes: into.len() as u64 };
        self.read(offset, &SliceMemory::new(into), whole)
    }

    /// Copies the whole of `from`, which is no memory of the guest's, to the volume at `offset`.
    fn write_bytes(&mut self, offset: u64, from: &mut [u8]) -> Result<(), VolumeError> {
        let whole = GuestRange { start: Gpa::new(0), bytes: from.len() as u64 };
        self.write(offset, &SliceMemory::new(from), whole)
    }

    /// Makes everything written so far last.
    fn flush(&mut self) -> Result<(), VolumeError>;

    /// Says that nobody needs the content of the range any more. It may read as anything after.
    fn discard(&mut self, offset: u64, bytes: u64) -> Result<(), VolumeError>;

    /// Makes the range read as zeros.
    fn write_zeroes(&mut self, offset: u64, bytes: u64) -> Result<(), VolumeError>;
}

impl<V: Volume + ?Sized> Volume for Box<V> {
    fn bytes(&self) -> u64 {
        (**self).bytes()
    }

    fn read(&mut self, offset: u64, memory: &dyn GuestMemory, buffer: GuestRange) -> Result<(), VolumeError> {
        (**self).read(offset, memory, buffer)
    }

    fn write(
        &mut self,
        offset: u64,
        memory: &dyn GuestMemory,
        buffer: GuestRange,
    ) -> Result<(), VolumeError> {
        (**self).write(offset, memory, buffer)
    }

    fn flush(&mut self) -> Result<(), VolumeError> {
        (**self).flush()
    }

    fn discard(&mut self, offset: u64, bytes: u64) -> Result<(), VolumeError> {
        (**self).discard(offset, bytes)
    }

    fn write_zeroes(&mut self, offset: u64, bytes: u64) -> Result<(), VolumeError> {
        (**self).write_zeroes(offset, bytes)
    }
}

/// Bytes of a device as memory from address 0 on, so that a volume needs only one way to move data.
struct SliceMemory<'a> {
    /// Borrowed only within the functions below, none of which calls another while it borrows.
    bytes: RefCell<&'a mut [u8]>,
}

impl<'a> SliceMemory<'a> {
    fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes: RefCell::new(bytes) }
    }

    fn with<R>(&self, at: Gpa, bytes: u64, act: impl FnOnce(&mut [u8]) -> R) -> Result<R, MemoryError> {
        let first = usize::try_from(at.raw()).map_err(|_| MemoryError::OutOfRange)?;
        let count = usize::try_from(bytes).map_err(|_| MemoryError::OutOfRange)?;
        let end = first.checked_add(count).ok_or(MemoryError::OutOfRange)?;
        let mut whole = self.bytes.borrow_mut();
        whole.get_mut(first..end).map(act).ok_or(MemoryError::OutOfRange)
    }
}

impl GuestMemory for SliceMemory<'_> {
    fn read(&self, from: Gpa, into: &mut [u8]) -> Result<(), MemoryError> {
        self.with(from, into.len() as u64, |part| into.copy_from_slice(part))
    }

    fn write(&self, to: Gpa, from: &[u8]) -> Result<(), MemoryError> {
        self.with(to, from.len() as u64, |part| part.copy_from_slice(from))
    }

    fn fill(&self, range: GuestRange, value: u8) -> Result<(), MemoryError> {
        self.with(range.start, range.bytes, |part| part.fill(value))
    }

    fn check(&self, range: GuestRange) -> Result<(), MemoryError> {
        self.with(range.start, range.bytes, |_| ())
    }
}

/// Bytes looked at in one step when zeros are written: a page.
const ZERO_STEP: usize = 4096;

/// A volume in memory: a `Vec<u8>`, or pages that the VMM mapped for this disk alone.
#[derive(Debug)]
pub struct ByteVolume<B> {
    bytes: B,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> ByteVolume<B> {
    /// A volume whose content is `bytes`.
    pub fn new(bytes: B) -> Self {
        Self { bytes }
    }

    /// The content.
    pub fn content(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    fn part(&mut self, offset: u64, bytes: u64) -> Result<&mut [u8], VolumeError> {
        let first = usize::try_from(offset).map_err(|_| VolumeError::OutOfRange)?;
        let count = usize::try_from(bytes).map_err(|_| VolumeError::OutOfRange)?;
        let end = first.checked_add(count).ok_or(VolumeError::OutOfRange)?;
        self.bytes.as_mut().get_mut(first..end).ok_or(VolumeError::OutOfRange)
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Volume for ByteVolume<B> {
    fn bytes(&self) -> u64 {
        self.content().len() as u64
    }

    fn read(&mut self, offset: u64, memory: &dyn GuestMemory, buffer: GuestRange) -> Result<(), VolumeError> {
        let part = self.part(offset, buffer.bytes)?;
        Ok(memory.write(buffer.start, part)?)
    }

    fn write(
        &mut self,
        offset: u64,
        memory: &dyn GuestMemory,
        buffer: GuestRange,
    ) -> Result<(), VolumeError> {
        let part = self.part(offset, buffer.bytes)?;
        Ok(memory.read(buffer.start, part)?)
    }

    fn flush(&mut self) -> Result<(), VolumeError> {
        Ok(())
    }

    fn discard(&mut self, offset: u64, bytes: u64) -> Result<(), VolumeError> {
        self.part(offset, bytes).map(|_| ())
    }

    fn write_zeroes(&mut self, offset: u64, bytes: u64) -> Result<(), VolumeError> {
        // Pages of a copy-on-write mapping stay shared if they hold zeros already.
        for step in self.part(offset, bytes)?.chunks_mut(ZERO_STEP) {
            if step.iter().any(|byte| *byte != 0) {
                step.fill(0);
            }
        }
        Ok(())
    }
}
