//! Free blocks of one NUMA node, or of ring 0: a buddy allocator whose links lie in the frame records.

use super::records::{NO_FRAME, Records, Tag, pack};

/// The largest block is 1 GiB.
pub(super) const ORDER_MAX: u32 = 18;
const ORDERS: usize = ORDER_MAX as usize + 1;

/// Free blocks by order. Blocks of two zones never merge: a record names its zone.
pub(super) struct Zone {
    number: u32,
    order_max: u32,
    heads: [u32; ORDERS],
    free_pages: u64,
}

impl Zone {
    /// An empty zone whose blocks do not grow beyond `order_max`.
    pub(super) const fn new(number: u32, order_max: u32) -> Self {
        Self { number, order_max, heads: [NO_FRAME; ORDERS], free_pages: 0 }
    }

    /// Pages in free blocks.
    pub(super) fn free_pages(&self) -> u64 {
        self.free_pages
    }

    /// Takes a block of `1 << order` frames. Its records say nothing yet.
    pub(super) fn allocate(&mut self, records: Records, order: u32) -> Option<u32> {
        let mut found = (order..=self.order_max).find(|order| self.heads[*order as usize] != NO_FRAME)?;
        let frame = self.heads[found as usize];
        self.remove(records, frame, found);
        while found > order {
            found -= 1;
            self.insert(records, frame + (1 << found), found);
        }
        self.free_pages -= 1 << order;
        Some(frame)
    }

    /// Gives a block back; it joins with its free neighbours.
    pub(super) fn free(&mut self, records: Records, frame: u32, order: u32) {
        self.free_pages += 1 << order;
        let (mut frame, mut order) = (frame, order);
        while order < self.order_max {
            let buddy = frame ^ 1 << order;
            if records.word(buddy) != pack(Tag::Free, self.number, order) {
                break;
            }
            self.remove(records, buddy, order);
            records.forget(frame);
            frame &= buddy;
            order += 1;
        }
        self.insert(records, frame, order);
    }

    /// Gives `pages` frames from `frame` on back, as the largest aligned blocks that they hold.
    pub(super) fn free_run(&mut self, records: Records, frame: u64, pages: u64) {
        let (mut frame, mut pages) = (frame, pages);
        while pages > 0 {
            let order = frame.trailing_zeros().min(pages.ilog2()).min(self.order_max);
            self.free(records, frame_number(frame), order);
            frame += 1 << order;
            pages -= 1 << order;
        }
    }

    fn insert(&mut self, records: Records, frame: u32, order: u32) {
        let head = self.heads[order as usize];
        records.set_word(frame, pack(Tag::Free, self.number, order));
        records.set_next(frame, head);
        records.set_previous(frame, NO_FRAME);
        if head != NO_FRAME {
            records.set_previous(head, frame);
        }
        self.heads[order as usize] = frame;
    }

    fn remove(&mut self, records: Records, frame: u32, order: u32) {
        assert_eq!(records.word(frame), pack(Tag::Free, self.number, order), "a free list is damaged");
        let (next, previous) = (records.next(frame), records.previous(frame));
        if next != NO_FRAME {
            records.set_previous(next, previous);
        }
        if previous == NO_FRAME {
            self.heads[order as usize] = next;
        } else {
            records.set_next(previous, next);
        }
        records.forget(frame);
    }
}

/// A frame number as the records keep it.
pub(super) fn frame_number(frame: u64) -> u32 {
    // The table has a record for each frame, and its words are counted in 32 bits.
    u32::try_from(frame).expect("a frame number beyond the frame table")
}
