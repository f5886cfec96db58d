//! Free frames at hand for one processor, so that the first touch of a page takes no shared lock.

/// Frames that one processor keeps at the most.
pub(super) const CACHE_FRAMES: usize = 64;
/// Frames that are moved between a cache and its zone at a time.
pub(super) const CACHE_BATCH: usize = CACHE_FRAMES / 2;

/// A stack of free frames. Belongs to one processor; others empty it when memory runs short.
pub(super) struct Cache {
    frames: [u32; CACHE_FRAMES],
    count: usize,
}

impl Cache {
    pub(super) const fn new() -> Self {
        Self { frames: [0; CACHE_FRAMES], count: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<u32> {
        let last = self.count.checked_sub(1)?;
        self.count = last;
        self.frames.get(last).copied()
    }

    /// Keeps a frame; `false` if the cache is full.
    #[inline]
    pub(super) fn push(&mut self, frame: u32) -> bool {
        let Some(slot) = self.frames.get_mut(self.count) else { return false };
        *slot = frame;
        self.count += 1;
        true
    }
}
