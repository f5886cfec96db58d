//! Memory of devices that the guest reaches without being left: frame buffers, flash in read mode.

use alloc::vec::Vec;
use base_units::Gpa;

/// Which of the machine's device memories: the number that whoever made it gave it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DirectId(pub u16);

/// Bytes that a device owns and that the guest may see as memory. Like RAM it changes at any moment while it is
/// mapped, so data is copied in or out.
pub trait DirectMemory: Send {
    /// What [`DirectRange::memory`] says of it.
    fn id(&self) -> DirectId;

    /// Size: a multiple of 4 KiB.
    fn bytes(&self) -> u64;

    /// Copies from `offset` to the whole of `into`. `false` if part of it lies behind the end: then nothing
    /// was copied.
    #[must_use]
    fn read(&self, offset: u64, into: &mut [u8]) -> bool;

    /// Copies the whole of `from` to `offset`. `false` if part of it lies behind the end: then nothing was
    /// copied.
    #[must_use]
    fn write(&mut self, offset: u64, from: &[u8]) -> bool;
}

/// A range of device memory at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirectRange {
    /// Where: page aligned.
    pub start: Gpa,
    /// Size: whole pages.
    pub bytes: u64,
    /// Of which memory.
    pub memory: DirectId,
    /// From which offset on: page aligned.
    pub offset: u64,
    /// Whether the guest may write. If not, a write is one to the device's registers.
    pub is_writable: bool,
}

/// Device memory in an ordinary vector, for simulations, fuzzers and tests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VecMemory {
    id: DirectId,
    content: Vec<u8>,
}

impl VecMemory {
    /// Memory with this content.
    pub fn new(id: DirectId, content: Vec<u8>) -> Self {
        Self { id, content }
    }

    /// The content.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    fn range(offset: u64, bytes: usize) -> Option<core::ops::Range<usize>> {
        let first = usize::try_from(offset).ok()?;
        Some(first..first.checked_add(bytes)?)
    }
}

impl DirectMemory for VecMemory {
    fn id(&self) -> DirectId {
        self.id
    }

    fn bytes(&self) -> u64 {
        self.content.len() as u64
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> bool {
        let from = Self::range(offset, into.len()).and_then(|range| self.content.get(range));
        from.map(|from| into.copy_from_slice(from)).is_some()
    }

    fn write(&mut self, offset: u64, from: &[u8]) -> bool {
        let into = Self::range(offset, from.len()).and_then(|range| self.content.get_mut(range));
        into.map(|into| into.copy_from_slice(from)).is_some()
    }
}
