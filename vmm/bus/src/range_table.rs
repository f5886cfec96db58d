//! Which target answers at an address.

use alloc::vec::Vec;

/// Ranges in one table at the most: fixed devices and six BARs of each of 32 PCI functions.
pub const RANGES_MAX: usize = 256;

/// Why a range was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RangeError {
    /// The range is empty or passes the end of the address space.
    Invalid,
    /// Something answers there already.
    Overlap,
    /// The table is full.
    Full,
}

/// One range. `end` is its last address, so that a range may end where the address space ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range<T> {
    start: u64,
    end: u64,
    target: T,
}

/// Disjoint ranges of addresses, sorted, each with its target.
#[derive(Clone, Debug)]
pub struct RangeTable<T> {
    ranges: Vec<Range<T>>,
}

impl<T> Default for RangeTable<T> {
    fn default() -> Self {
        Self { ranges: Vec::new() }
    }
}

impl<T: Copy> RangeTable<T> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `target` answer at `bytes` addresses from `start` on.
    pub fn insert(&mut self, start: u64, bytes: u64, target: T) -> Result<(), RangeError> {
        let last = bytes.checked_sub(1).ok_or(RangeError::Invalid)?;
        let end = start.checked_add(last).ok_or(RangeError::Invalid)?;
        if self.ranges.len() >= RANGES_MAX {
            return Err(RangeError::Full);
        }
        let position = self.ranges.partition_point(|range| range.end < start);
        if self.ranges.get(position).is_some_and(|range| range.start <= end) {
            return Err(RangeError::Overlap);
        }
        self.ranges.insert(position, Range { start, end, target });
        Ok(())
    }

    /// The target at `address` and the address' offset in its range.
    #[inline]
    pub fn find(&self, address: u64) -> Option<(T, u64)> {
        let position = self.ranges.partition_point(|range| range.end < address);
        let range = self.ranges.get(position)?;
        let offset = address.checked_sub(range.start)?;
        Some((range.target, offset))
    }

    /// Keeps only the ranges whose target `keep` approves.
    pub fn retain(&mut self, mut keep: impl FnMut(T) -> bool) {
        self.ranges.retain(|range| keep(range.target));
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether nothing answers anywhere.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}
