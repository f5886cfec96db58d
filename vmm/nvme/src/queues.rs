//! Submission and completion queues (4.1).

use base_units::Gpa;
use serde::{Deserialize, Serialize};
use spec::nvme::{COMMAND_BYTES, COMPLETION_BYTES};
use vmm_bus::{GuestMemory, MemoryError};

/// Entries of an I/O queue at the most, as the capabilities say.
pub(crate) const ENTRIES_MAX: u16 = 1024;
/// Entries of an admin queue at the most (3.1.8).
const ADMIN_ENTRIES_MAX: u16 = 4096;
/// Entries of a queue at least.
pub(crate) const ENTRIES_MIN: u16 = 2;

/// A queue of commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Submission {
    pub(crate) base: u64,
    pub(crate) entries: u16,
    pub(crate) head: u16,
    pub(crate) tail: u16,
    /// The queue that its completions go to.
    pub(crate) completion: u16,
}

/// A queue of completions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Completion {
    pub(crate) base: u64,
    pub(crate) entries: u16,
    pub(crate) head: u16,
    pub(crate) tail: u16,
    /// What says that an entry is new: changes each time around.
    pub(crate) phase: bool,
    pub(crate) vector: u16,
    pub(crate) interrupts: bool,
}

impl Submission {
    pub(crate) fn new(base: u64, entries: u16, completion: u16) -> Self {
        Self { base, entries, head: 0, tail: 0, completion }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Takes the oldest command.
    pub(crate) fn take(&mut self, memory: &dyn GuestMemory) -> Result<[u8; COMMAND_BYTES], MemoryError> {
        let mut raw = [0; COMMAND_BYTES];
        memory.read(entry(self.base, self.head, COMMAND_BYTES)?, &mut raw)?;
        self.head = next(self.head, self.entries);
        Ok(raw)
    }

    pub(crate) fn is_possible(&self) -> bool {
        is_ring(self.entries, self.head, self.tail)
    }
}

impl Completion {
    pub(crate) fn new(base: u64, entries: u16) -> Self {
        Self { base, entries, head: 0, tail: 0, phase: true, vector: 0, interrupts: true }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    pub(crate) fn is_full(&self) -> bool {
        next(self.tail, self.entries) == self.head
    }

    /// Whether two completions fit.
    pub(crate) fn has_room_for_two(&self) -> bool {
        !self.is_full() && next(next(self.tail, self.entries), self.entries) != self.head
    }

    /// Adds a completion; there is room. Its last dword, which says that it is new, is written last.
    pub(crate) fn put(
        &mut self,
        memory: &dyn GuestMemory,
        entry_dwords: [u32; 3],
    ) -> Result<(), MemoryError> {
        let [result, queue, end] = entry_dwords;
        let at = entry(self.base, self.tail, COMPLETION_BYTES)?;
        let last = at.checked_add(12).ok_or(MemoryError::OutOfRange)?;
        let first = u128::from(result) | u128::from(queue) << 64;
        let [first @ .., _, _, _, _] = first.to_le_bytes();
        memory.write(at, &first)?;
        core::sync::atomic::fence(core::sync::atomic::Ordering::Release);
        memory.write_u32(last, end | u32::from(self.phase) << 16)?;
        self.tail = next(self.tail, self.entries);
        if self.tail == 0 {
            self.phase = !self.phase;
        }
        Ok(())
    }

    pub(crate) fn is_possible(&self) -> bool {
        is_ring(self.entries, self.head, self.tail)
    }
}

/// Where an entry lies.
fn entry(base: u64, index: u16, bytes: usize) -> Result<Gpa, MemoryError> {
    let offset = u64::from(index).saturating_mul(bytes as u64);
    Gpa::new(base).checked_add(offset).ok_or(MemoryError::OutOfRange)
}

/// The index after one of a queue.
fn next(index: u16, entries: u16) -> u16 {
    match index.saturating_add(1) {
        next if next >= entries => 0,
        next => next,
    }
}

fn is_ring(entries: u16, head: u16, tail: u16) -> bool {
    (ENTRIES_MIN..=ADMIN_ENTRIES_MAX).contains(&entries) && head < entries && tail < entries
}
