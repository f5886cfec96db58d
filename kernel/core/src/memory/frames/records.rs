//! The table of frames: three words for each 4 KiB of RAM, relocatable as a whole.
//!
//! Word 0 says what the frame is (tag, zone, value), words 1 and 2 link free blocks. A frame that is no
//! head of a free block and not handed out has tag [`Tag::Inside`], which is zero: fresh, zeroed table
//! memory says nothing about RAM that nobody has looked at, so a large machine starts without touching it.

use core::sync::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Relaxed};

/// Words of one record.
pub(super) const RECORD_WORDS: usize = 3;
/// No frame: the end of a list.
pub(super) const NO_FRAME: u32 = u32::MAX;
/// References that one frame can have.
pub(super) const REFERENCES_MAX: u32 = (1 << TAG_ZONE_SHIFT) - 1;

const TAG_ZONE_SHIFT: u32 = 24;
const TAG_SHIFT: u32 = 29;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum Tag {
    /// Not ours, or part of a free block whose head is elsewhere.
    Inside = 0,
    /// First frame of a free block; the value is its order.
    Free = 1,
    /// Handed out to a memory object; the value counts references.
    Object = 2,
    /// Handed out to ring 0.
    Kernel = 3,
    /// Free, in the cache of a processor.
    Cached = 4,
}

/// The table.
#[derive(Clone, Copy)]
pub(super) struct Records {
    words: &'static [AtomicU32],
}

/// Word 0 of a record.
pub(super) const fn pack(tag: Tag, zone: u32, value: u32) -> u32 {
    (tag as u32) << TAG_SHIFT | zone << TAG_ZONE_SHIFT | value
}

/// The zone in word 0.
pub(super) const fn zone_of(word: u32) -> u32 {
    word >> TAG_ZONE_SHIFT & 0x1f
}

/// The value in word 0.
pub(super) const fn value_of(word: u32) -> u32 {
    word & REFERENCES_MAX
}

/// Whether word 0 has this tag.
pub(super) const fn is(word: u32, tag: Tag) -> bool {
    word >> TAG_SHIFT == tag as u32
}

impl Records {
    pub(super) const fn new(words: &'static [AtomicU32]) -> Self {
        Self { words }
    }

    /// Frames that have a record.
    pub(super) fn len(&self) -> u64 {
        (self.words.len() / RECORD_WORDS) as u64
    }

    fn slot(&self, frame: u32, word: usize) -> &'static AtomicU32 {
        &self.words[frame as usize * RECORD_WORDS + word]
    }

    /// Word 0, or zero for a frame without a record.
    pub(super) fn word(&self, frame: u32) -> u32 {
        self.words.get(frame as usize * RECORD_WORDS).map_or(0, |word| word.load(Relaxed))
    }

    pub(super) fn set_word(&self, frame: u32, word: u32) {
        self.slot(frame, 0).store(word, Relaxed);
    }

    /// Says nothing about the frame any more.
    pub(super) fn forget(&self, frame: u32) {
        self.set_word(frame, pack(Tag::Inside, 0, 0));
    }

    pub(super) fn next(&self, frame: u32) -> u32 {
        self.slot(frame, 1).load(Relaxed)
    }

    pub(super) fn set_next(&self, frame: u32, next: u32) {
        self.slot(frame, 1).store(next, Relaxed);
    }

    pub(super) fn previous(&self, frame: u32) -> u32 {
        self.slot(frame, 2).load(Relaxed)
    }

    pub(super) fn set_previous(&self, frame: u32, previous: u32) {
        self.slot(frame, 2).store(previous, Relaxed);
    }

    /// Adds a reference to an object's frame; `false` if it has [`REFERENCES_MAX`].
    pub(super) fn add_reference(&self, frame: u32) -> bool {
        let add = |word: u32| {
            assert!(is(word, Tag::Object), "a frame is shared that no object owns");
            (value_of(word) < REFERENCES_MAX).then_some(word + 1)
        };
        self.slot(frame, 0).fetch_update(AcqRel, Relaxed, add).is_ok()
    }

    /// Takes a reference away; the zone of the frame if it was the last one.
    pub(super) fn drop_reference(&self, frame: u32) -> Option<u32> {
        let before = self.slot(frame, 0).fetch_sub(1, AcqRel);
        assert!(is(before, Tag::Object) && value_of(before) > 0, "an object's frame is freed twice");
        (value_of(before) == 1).then_some(zone_of(before))
    }
}
