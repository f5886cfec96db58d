//! Free frames at hand for one processor, so that the first touch of a page takes no shared lock.

use super::records::{NO_FRAME, Records};

/// Frames that one processor keeps at the most.
const CACHE_FRAMES: u32 = 64;
/// Frames that are moved between a cache and its zone at a time.
pub(super) const CACHE_BATCH: u32 = CACHE_FRAMES / 2;

/// A stack of free frames, linked through their records. Belongs to one processor; others empty it when memory
/// runs short.
pub(super) struct Cache {
    head: u32,
    count: u32,
}

impl Cache {
    pub(super) const fn new() -> Self {
        Self { head: NO_FRAME, count: 0 }
    }

    pub(super) fn len(&self) -> u32 {
        self.count
    }

    #[inline]
    pub(super) fn pop(&mut self, records: Records) -> Option<u32> {
        if self.count == 0 {
            return None;
        }
        let frame = self.head;
        self.head = records.next(frame);
        self.count -= 1;
        Some(frame)
    }

    /// Keeps a frame; `false` if the cache is full.
    #[inline]
    pub(super) fn push(&mut self, records: Records, frame: u32) -> bool {
        if self.count == CACHE_FRAMES {
            return false;
        }
        records.set_next(frame, self.head);
        self.head = frame;
        self.count += 1;
        true
    }
}
