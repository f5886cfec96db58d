//! Which blocks were written.

use alloc::{vec, vec::Vec};

/// Bytes that are erased at once, and the unit in which changes are known.
pub const BLOCK_BYTES: u64 = 4096;

/// A set of blocks of one chip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockSet {
    has: Vec<bool>,
}

impl BlockSet {
    /// No block of a chip of so many bytes.
    pub fn new(bytes: u64) -> Self {
        let blocks = usize::try_from(bytes / BLOCK_BYTES).unwrap_or(0);
        Self { has: vec![false; blocks] }
    }

    /// Adds the block that a byte lies in.
    pub(crate) fn add(&mut self, offset: u64) {
        let block = usize::try_from(offset / BLOCK_BYTES).unwrap_or(usize::MAX);
        if let Some(has) = self.has.get_mut(block) {
            *has = true;
        }
    }

    /// Whether the block that a byte lies in belongs to the set.
    pub fn contains(&self, offset: u64) -> bool {
        let block = usize::try_from(offset / BLOCK_BYTES).unwrap_or(usize::MAX);
        self.has.get(block).copied().unwrap_or(false)
    }

    /// Where each block of the set starts, ascending.
    pub fn starts(&self) -> impl Iterator<Item = u64> {
        let blocks = self.has.iter().zip(0u64..).filter(|(has, _)| **has);
        blocks.map(|(_, block)| block.saturating_mul(BLOCK_BYTES))
    }

    /// Whether there is no block in it.
    pub fn is_empty(&self) -> bool {
        !self.has.contains(&true)
    }

    /// Takes all blocks out.
    pub(crate) fn clear(&mut self) {
        self.has.fill(false);
    }
}
