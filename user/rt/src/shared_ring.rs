//! Rings in mapped memory.

use crate::mapping::Mapping;
use abi::Error;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use user_ipc::RingMemory;
use user_ipc::ring::{CAPACITY_MAX, Counter, DATA_OFFSET, HEAD_OFFSET, TAIL_OFFSET};

/// The memory of one ring inside a mapping, for [`user_ipc::Producer`] and [`user_ipc::Consumer`]. Having
/// one proves that counters and data lie in the mapping.
#[derive(Clone, Debug)]
pub struct SharedRing {
    mapping: Arc<Mapping>,
    offset: usize,
}

impl SharedRing {
    /// Takes the ring whose counters lie at `offset` of a writable mapping and that has `capacity` bytes of
    /// data behind them.
    pub fn new(mapping: Arc<Mapping>, offset: usize, capacity: u32) -> Result<Self, Error> {
        let bytes = DATA_OFFSET.saturating_add(capacity as usize);
        let fits = offset.checked_add(bytes).is_some_and(|end| end <= mapping.len());
        if !fits || capacity > CAPACITY_MAX {
            return Err(Error::OutOfRange);
        }
        mapping.atomic_u32(offset)?;
        Ok(Self { mapping, offset })
    }

    fn counter_offset(&self, counter: Counter) -> usize {
        match counter {
            Counter::Head => self.offset + HEAD_OFFSET,
            Counter::Tail => self.offset + TAIL_OFFSET,
        }
    }
}

/// The constructor checked the place of the ring, so no access here can be refused.
impl RingMemory for SharedRing {
    fn load(&self, counter: Counter) -> u32 {
        self.mapping.atomic_u32(self.counter_offset(counter)).map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn store(&self, counter: Counter, value: u32) {
        if let Ok(word) = self.mapping.atomic_u32(self.counter_offset(counter)) {
            word.store(value, Ordering::Release);
        }
    }

    fn copy_in(&self, offset: u32, source: &[u8]) {
        let _ = self.mapping.write(self.offset + DATA_OFFSET + offset as usize, source);
    }

    fn copy_out(&self, offset: u32, target: &mut [u8]) {
        let _ = self.mapping.read(self.offset + DATA_OFFSET + offset as usize, target);
    }
}
