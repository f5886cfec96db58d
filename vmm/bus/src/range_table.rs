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

/// The answer to the last search, for all the addresses that have the same one: those of a range, or
/// those of a gap between two. Accesses come in runs to one device, so most searches end here.
#[derive(Clone, Copy, Debug)]
struct LastAnswer<T> {
    start: u64,
    end: u64,
    target: Option<T>,
}

/// Disjoint ranges of addresses, sorted, each with its target.
#[derive(Clone, Debug)]
pub struct RangeTable<T> {
    ranges: Vec<Range<T>>,
    /// Forgotten whenever a range comes or goes.
    last: Option<LastAnswer<T>>,
}

impl<T> Default for RangeTable<T> {
    fn default() -> Self {
        Self { ranges: Vec::new(), last: None }
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
        self.last = None;
        Ok(())
    }

    /// The target at `address` and the address' offset in its range.
    #[inline]
    pub fn find(&mut self, address: u64) -> Option<(T, u64)> {
        let answer = match &self.last {
            Some(last) if last.start <= address && address <= last.end => last,
            _ => self.last.insert(search(&self.ranges, address)),
        };
        let target = answer.target?;
        Some((target, address.wrapping_sub(answer.start)))
    }

    /// Whether nothing answers at `address` and the last search tells so. Never searches itself.
    #[inline(always)]
    pub fn is_known_gap(&self, address: u64) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.target.is_none() && last.start <= address && address <= last.end)
    }

    /// Keeps only the ranges whose target `keep` approves.
    pub fn retain(&mut self, mut keep: impl FnMut(T) -> bool) {
        self.ranges.retain(|range| keep(range.target));
        self.last = None;
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

/// The answer for `address` and its neighbours.
#[cold]
fn search<T: Copy>(ranges: &[Range<T>], address: u64) -> LastAnswer<T> {
    let position = ranges.partition_point(|range| range.end < address);
    let next = ranges.get(position);
    if let Some(range) = next
        && range.start <= address
    {
        return LastAnswer { start: range.start, end: range.end, target: Some(range.target) };
    }
    let before = position.checked_sub(1).and_then(|position| ranges.get(position));
    LastAnswer {
        start: before.map_or(0, |range| range.end.saturating_add(1)),
        end: next.map_or(u64::MAX, |range| range.start.saturating_sub(1)),
        target: None,
    }
}
