//! Guest memory in ordinary cells, for simulations, fuzzers and tests.

use crate::memory::{GuestMemory, GuestRange, MemoryError};
use alloc::vec::Vec;
use base_units::Gpa;
use core::cell::Cell;

/// RAM in one piece that starts at any address. One thread only; slow, safe and exact.
#[derive(Debug)]
pub struct FlatMemory {
    start: Gpa,
    bytes: Vec<Cell<u8>>,
}

impl FlatMemory {
    /// Zeroed RAM of `bytes` bytes from `start` on.
    pub fn new(start: Gpa, bytes: usize) -> Self {
        let mut cells = Vec::new();
        cells.resize(bytes, Cell::new(0));
        Self { start, bytes: cells }
    }

    fn cells(&self, at: Gpa, bytes: u64) -> Result<&[Cell<u8>], MemoryError> {
        let first = at.offset_from(self.start).and_then(|first| usize::try_from(first).ok());
        let first = first.ok_or(MemoryError::OutOfRange)?;
        let count = usize::try_from(bytes).map_err(|_| MemoryError::OutOfRange)?;
        let end = first.checked_add(count).ok_or(MemoryError::OutOfRange)?;
        self.bytes.get(first..end).ok_or(MemoryError::OutOfRange)
    }
}

impl GuestMemory for FlatMemory {
    fn read(&self, from: Gpa, into: &mut [u8]) -> Result<(), MemoryError> {
        let cells = self.cells(from, into.len() as u64)?;
        for (to, cell) in into.iter_mut().zip(cells) {
            *to = cell.get();
        }
        Ok(())
    }

    fn write(&self, to: Gpa, from: &[u8]) -> Result<(), MemoryError> {
        let cells = self.cells(to, from.len() as u64)?;
        for (cell, byte) in cells.iter().zip(from) {
            cell.set(*byte);
        }
        Ok(())
    }

    fn fill(&self, range: GuestRange, value: u8) -> Result<(), MemoryError> {
        for cell in self.cells(range.start, range.bytes)? {
            cell.set(value);
        }
        Ok(())
    }

    fn check(&self, range: GuestRange) -> Result<(), MemoryError> {
        self.cells(range.start, range.bytes).map(|_| ())
    }
}
