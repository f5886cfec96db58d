//! A bounded queue of bytes.

use alloc::vec::Vec;

/// At most `CAPACITY` bytes, first in, first out. `CAPACITY` is a power of two.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ByteQueue<const CAPACITY: usize> {
    bytes: [u8; CAPACITY],
    /// Position of the oldest byte.
    first: usize,
    used: usize,
}

impl<const CAPACITY: usize> ByteQueue<CAPACITY> {
    const MASK: usize = {
        assert!(CAPACITY.is_power_of_two());
        CAPACITY - 1
    };

    pub(crate) const fn new() -> Self {
        Self { bytes: [0; CAPACITY], first: 0, used: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    pub(crate) fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.used)
    }

    /// Adds a byte; `false` if there is no room.
    pub(crate) fn push(&mut self, byte: u8) -> bool {
        if self.used >= CAPACITY {
            return false;
        }
        let position = self.first.wrapping_add(self.used) & Self::MASK;
        if let Some(place) = self.bytes.get_mut(position) {
            *place = byte;
        }
        self.used = self.used.wrapping_add(1);
        true
    }

    pub(crate) fn pop(&mut self) -> Option<u8> {
        if self.used == 0 {
            return None;
        }
        let byte = self.bytes.get(self.first).copied();
        self.first = self.first.wrapping_add(1) & Self::MASK;
        self.used = self.used.wrapping_sub(1);
        byte
    }

    pub(crate) fn clear(&mut self) {
        self.first = 0;
        self.used = 0;
    }

    /// The bytes in order, for saving.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut copy = self.clone();
        core::iter::from_fn(|| copy.pop()).collect()
    }

    /// A queue with these bytes; `None` if they do not fit.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut queue = Self::new();
        bytes.iter().all(|byte| queue.push(*byte)).then_some(queue)
    }
}
