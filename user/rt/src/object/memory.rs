//! Memory objects.

use super::{Group, System, in_argument, object, out_argument};
use crate::handle::OwnedHandle;
use crate::mapping::Mapping;
use crate::syscall::{call2, call3, call4, call5};
use abi::{Error, MapFlags, MemoryFlags, MemoryInfo, MemoryOperation, Syscall};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// Pages of memory that can be mapped.
#[derive(Debug)]
pub struct Memory(pub(crate) OwnedHandle);
object!(Memory);

/// How device memory is cached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum PhysicalCaching {
    /// Registers.
    Uncached = 0,
    /// Framebuffers.
    WriteCombining = 1,
}

impl Memory {
    /// Makes an object of `bytes` zero bytes; pages are made on first touch and paid for by `group`.
    pub fn create(group: &Group, bytes: u64, flags: MemoryFlags) -> Result<Self, Error> {
        Self::create_raw(group.0.raw(), bytes, flags)
    }

    /// [`Memory::create`] for a group named by its number: the runtime's own.
    pub(crate) fn create_raw(group: u64, bytes: u64, flags: MemoryFlags) -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) = unsafe { call3(Syscall::MemoryCreate, group, bytes, flags.bits()) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Makes a copy-on-write clone of whole pages, paid for by `group`.
    pub fn clone_range(&self, offset: u64, bytes: u64, group: &Group) -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) = unsafe { call4(Syscall::MemoryClone, self.0.raw(), offset, bytes, group.0.raw()) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Takes device memory at a host-physical address.
    pub fn physical(
        system: &System,
        address: u64,
        bytes: u64,
        caching: PhysicalCaching,
    ) -> Result<Self, Error> {
        // SAFETY: the call takes no pointers.
        let (raw, _) =
            unsafe { call4(Syscall::MemoryPhysical, system.0.raw(), address, bytes, caching as u64) }?;
        OwnedHandle::made(raw).map(Self)
    }

    /// Copies bytes out, without mapping.
    pub fn read(&self, offset: u64, target: &mut [u8]) -> Result<(), Error> {
        let bytes = target.len() as u64;
        // SAFETY: the target is writable for its length.
        unsafe { call4(Syscall::MemoryRead, self.0.raw(), offset, out_argument(target), bytes) }?;
        Ok(())
    }

    /// Copies a value out, without mapping.
    pub fn read_value<T: FromBytes + IntoBytes>(&self, offset: u64) -> Result<T, Error> {
        let mut value = T::new_zeroed();
        self.read(offset, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Copies bytes in, without mapping.
    pub fn write(&self, offset: u64, source: &[u8]) -> Result<(), Error> {
        let bytes = source.len() as u64;
        // SAFETY: the source is readable for its length. What is written is memory that programs may map
        // and so treat as shared: never the heap or a stack, whose handles the runtime keeps to itself.
        unsafe { call4(Syscall::MemoryWrite, self.0.raw(), offset, in_argument(source), bytes) }?;
        Ok(())
    }

    /// Maps whole pages where the kernel finds room, until the [`Mapping`] is dropped.
    pub fn map(&self, offset: u64, bytes: u64, flags: MapFlags) -> Result<Mapping, Error> {
        Mapping::new(self, offset, bytes, flags)
    }

    /// Makes all pages of the range now; returns how many.
    pub fn commit(&self, offset: u64, bytes: u64) -> Result<u64, Error> {
        self.control(MemoryOperation::Commit, offset, bytes)
    }

    /// Gives the pages of the range back: they read as zero again. Returns how many.
    pub fn decommit(&self, offset: u64, bytes: u64) -> Result<u64, Error> {
        self.control(MemoryOperation::Decommit, offset, bytes)
    }

    /// Starts to track which pages are written.
    pub fn track_start(&self) -> Result<(), Error> {
        self.control(MemoryOperation::TrackStart, 0, 0).map(|_| ())
    }

    /// Ends tracking.
    pub fn track_stop(&self) -> Result<(), Error> {
        self.control(MemoryOperation::TrackStop, 0, 0).map(|_| ())
    }

    fn control(&self, operation: MemoryOperation, offset: u64, bytes: u64) -> Result<u64, Error> {
        // SAFETY: the call takes no pointers; only objects that programs share can be named (see `write`).
        let (pages, _) =
            unsafe { call4(Syscall::MemoryControl, self.0.raw(), operation as u64, offset, bytes) }?;
        Ok(pages)
    }

    /// Reads and clears which pages of the range were written: bit n of word n / 64 is page n of the
    /// range. Returns their number.
    pub fn take_dirty(&self, offset: u64, bytes: u64, bitmap: &mut [u64]) -> Result<u64, Error> {
        let bitmap_bytes = size_of_val(bitmap) as u64;
        let pointer = out_argument(bitmap);
        // SAFETY: the bitmap is writable for its length.
        let (pages, _) =
            unsafe { call5(Syscall::MemoryDirty, self.0.raw(), offset, bytes, pointer, bitmap_bytes) }?;
        Ok(pages)
    }

    /// Size and pages in use.
    pub fn info(&self) -> Result<MemoryInfo, Error> {
        let mut info = MemoryInfo::new_zeroed();
        // SAFETY: the structure is writable and any bytes are a valid value of it.
        unsafe { call2(Syscall::MemoryInfo, self.0.raw(), out_argument(&mut info)) }?;
        Ok(info)
    }
}
