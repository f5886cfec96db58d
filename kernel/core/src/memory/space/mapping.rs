//! The mappings of a space, sorted by address.

use crate::machine::Machine;
use crate::memory::{MemoryObject, Permissions};
use abi::Error;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base_units::{PAGE_BYTES, PageSize};
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Mappings of one space at the most.
pub const MAPPINGS_MAX: usize = 4096;

/// A range of addresses that shows a range of an object.
pub(super) struct Mapping<M: Machine> {
    pub(super) range: Range<u64>,
    pub(super) memory: Arc<MemoryObject<M>>,
    /// Where in the object `range` starts, in bytes.
    pub(super) offset: u64,
    pub(super) permissions: Permissions,
}

impl<M: Machine> Mapping<M> {
    /// Which page of the object an address of the range shows.
    #[inline]
    pub(super) fn page(&self, address: u64) -> u64 {
        (address - self.range.start + self.offset) / PAGE_BYTES
    }

    /// Pages of the object.
    pub(super) fn pages(&self) -> Range<u64> {
        self.page(self.range.start)..self.page(self.range.end)
    }

    /// The part of this mapping at `range`, which lies inside of it.
    pub(super) fn part(&self, range: Range<u64>) -> Self {
        let offset = self.offset + (range.start - self.range.start);
        Self { range, memory: self.memory.clone(), offset, permissions: self.permissions }
    }
}

/// All mappings of a space. They do not overlap.
pub(super) struct Mappings<M: Machine> {
    sorted: Vec<Mapping<M>>,
    /// Where the last address was found: the next one is likely there too.
    last: AtomicUsize,
}

impl<M: Machine> Mappings<M> {
    pub(super) const fn new() -> Self {
        Self { sorted: Vec::new(), last: AtomicUsize::new(0) }
    }

    /// The mapping of an address.
    #[inline]
    pub(super) fn find(&self, address: u64) -> Option<&Mapping<M>> {
        let last = self.sorted.get(self.last.load(Relaxed));
        if last.is_some_and(|mapping| mapping.range.contains(&address)) {
            return last;
        }
        let index = self.first_ending_after(address);
        let found = self.sorted.get(index).filter(|mapping| mapping.range.contains(&address));
        if found.is_some() {
            self.last.store(index, Relaxed);
        }
        found
    }

    /// Whether nothing is mapped in the range.
    pub(super) fn is_free(&self, range: &Range<u64>) -> bool {
        let next = self.sorted.get(self.first_ending_after(range.start));
        next.is_none_or(|mapping| mapping.range.start >= range.end)
    }

    /// The first gap of `bytes` within `choice` at `phase` after a multiple of `size`, with an unmapped page
    /// before it.
    pub(super) fn choose(
        &self,
        choice: Range<u64>,
        bytes: u64,
        size: PageSize,
        phase: u64,
    ) -> Option<Range<u64>> {
        let fit = |from: u64| {
            let start = from.checked_sub(phase)?.checked_next_multiple_of(size.bytes())? + phase;
            let end = start.checked_add(bytes)?;
            (end <= choice.end).then_some(start..end)
        };
        let mut candidate = fit(choice.start.max(phase))?;
        for mapping in self.sorted.iter().skip(self.first_ending_after(choice.start)) {
            if mapping.range.start >= candidate.end.saturating_add(PAGE_BYTES) {
                break;
            }
            candidate = fit(mapping.range.end.saturating_add(PAGE_BYTES).max(phase))?;
        }
        Some(candidate)
    }

    /// Sees to it that `count` more mappings can be inserted.
    ///
    /// # Errors
    /// `LimitReached`, `NoMemory`.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), Error> {
        if self.sorted.len() + count > MAPPINGS_MAX {
            return Err(Error::LimitReached);
        }
        self.sorted.try_reserve(count).map_err(|_| Error::NoMemory)
    }

    /// Adds a mapping to a free range; room is reserved.
    pub(super) fn insert(&mut self, mapping: Mapping<M>) {
        let index = self.first_ending_after(mapping.range.start);
        self.sorted.insert(index, mapping);
    }

    /// Takes out a mapping that touches the range, if there is one.
    pub(super) fn take(&mut self, range: &Range<u64>) -> Option<Mapping<M>> {
        let index = self.first_ending_after(range.start);
        let touches = self.sorted.get(index).is_some_and(|mapping| mapping.range.start < range.end);
        touches.then(|| self.sorted.remove(index))
    }

    /// Takes out all mappings that touch the range.
    ///
    /// # Errors
    /// `NoMemory`; then they are all still there.
    pub(super) fn take_all(&mut self, range: &Range<u64>) -> Result<Vec<Mapping<M>>, Error> {
        let first = self.first_ending_after(range.start);
        let end = self.sorted.partition_point(|mapping| mapping.range.start < range.end);
        let mut taken = Vec::new();
        taken.try_reserve_exact(end.saturating_sub(first)).map_err(|_| Error::NoMemory)?;
        taken.extend(self.sorted.drain(first..end.max(first)));
        Ok(taken)
    }

    fn first_ending_after(&self, address: u64) -> usize {
        self.sorted.partition_point(|mapping| mapping.range.end <= address)
    }
}
