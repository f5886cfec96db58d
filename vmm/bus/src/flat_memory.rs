//! Guest memory in an ordinary vector, for simulations, fuzzers and tests.

use crate::memory::{GuestMemory, GuestRange, MemoryError};
use alloc::{vec, vec::Vec};
use base_units::Gpa;
use core::{cell::RefCell, ops::Range};

/// RAM in one piece that starts at any address. One thread only; safe and exact.
#[derive(Debug)]
pub struct FlatMemory {
    start: Gpa,
    /// Borrowed only within the functions below, none of which calls another while it borrows.
    bytes: RefCell<Vec<u8>>,
}

impl FlatMemory {
    /// Zeroed RAM of `bytes` bytes from `start` on.
    pub fn new(start: Gpa, bytes: usize) -> Self {
        Self { start, bytes: RefCell::new(vec![0; bytes]) }
    }

    /// The range as positions of the vector. Whether they exist is for `get` to say.
    fn positions(&self, at: Gpa, bytes: u64) -> Result<Range<usize>, MemoryError> {
        let first = at.offset_from(self.start).and_then(|first| usize::try_from(first).ok());
        let first = first.ok_or(MemoryError::OutOfRange)?;
        let count = usize::try_from(bytes).map_err(|_| MemoryError::OutOfRange)?;
        let end = first.checked_add(count).ok_or(MemoryError::OutOfRange)?;
        Ok(first..end)
    }
}

impl GuestMemory for FlatMemory {
    fn read(&self, from: Gpa, into: &mut [u8]) -> Result<(), MemoryError> {
        let positions = self.positions(from, into.len() as u64)?;
        let bytes = self.bytes.borrow();
        into.copy_from_slice(bytes.get(positions).ok_or(MemoryError::OutOfRange)?);
        Ok(())
    }

    fn write(&self, to: Gpa, from: &[u8]) -> Result<(), MemoryError> {
        let positions = self.positions(to, from.len() as u64)?;
        let mut bytes = self.bytes.borrow_mut();
        bytes.get_mut(positions).ok_or(MemoryError::OutOfRange)?.copy_from_slice(from);
        Ok(())
    }

    fn fill(&self, range: GuestRange, value: u8) -> Result<(), MemoryError> {
        let positions = self.positions(range.start, range.bytes)?;
        let mut bytes = self.bytes.borrow_mut();
        bytes.get_mut(positions).ok_or(MemoryError::OutOfRange)?.fill(value);
        Ok(())
    }

    fn check(&self, range: GuestRange) -> Result<(), MemoryError> {
        let positions = self.positions(range.start, range.bytes)?;
        self.bytes.borrow().get(positions).map(|_| ()).ok_or(MemoryError::OutOfRange)
    }
}
