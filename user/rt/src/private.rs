//! Memory that belongs to this program alone.

use crate::mapping::Mapping;
use crate::object::{Group, Memory};
use abi::{Error, MapFlags, MemoryFlags};
use core::ops::{Deref, DerefMut};

/// Bytes that only this value reaches, on pages that come on first touch (or first write, for copies).
/// Having one proves that no handle to the memory is left anywhere, so it is an ordinary slice.
#[derive(Debug)]
pub struct PrivateBytes {
    mapping: Mapping,
    /// Bytes that the owner asked for; the mapping is rounded up to pages.
    length: usize,
}

impl PrivateBytes {
    /// `length` zero bytes, paid for by `group`.
    pub fn zeroed(length: u64, group: &Group) -> Result<Self, Error> {
        let memory = Memory::create(group, whole_pages(length)?, MemoryFlags::empty())?;
        Self::map(memory, length)
    }

    /// A copy-on-write copy of `length` bytes of `memory` from the page-aligned `offset` on; pages that are
    /// written are paid for by `group`. The object must reach to the end of the last page.
    pub fn copy_of(memory: &Memory, offset: u64, length: u64, group: &Group) -> Result<Self, Error> {
        let clone = memory.clone_range(offset, whole_pages(length)?, group)?;
        Self::map(clone, length)
    }

    /// Maps an object that was just made and whose only handle is closed here.
    fn map(memory: Memory, length: u64) -> Result<Self, Error> {
        let mapping = memory.map(0, whole_pages(length)?, MapFlags::READ | MapFlags::WRITE)?;
        Ok(Self { mapping, length: length as usize })
    }

    /// Keeps the bytes for as long as the process lives.
    pub fn leak(self) -> &'static mut [u8] {
        let length = self.length;
        let (start, _) = self.mapping.leak();
        // SAFETY: the pages stay mapped for ever, hold initialised bytes, and nobody else has a way to
        // them: the object's only handle is closed and the mapping is gone as a value.
        unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), length) }
    }
}

impl Deref for PrivateBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping covers the length and lives as long as the borrow; nobody else reaches it.
        unsafe { core::slice::from_raw_parts(self.mapping.as_ptr().as_ptr(), self.length) }
    }
}

impl DerefMut for PrivateBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`; the borrow is exclusive.
        unsafe { core::slice::from_raw_parts_mut(self.mapping.as_ptr().as_ptr(), self.length) }
    }
}

impl AsRef<[u8]> for PrivateBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for PrivateBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

fn whole_pages(bytes: u64) -> Result<u64, Error> {
    bytes.max(1).checked_next_multiple_of(base_units::PAGE_BYTES).ok_or(Error::BadArgument)
}
