//! Address-space tags: AMD-V's ASIDs, VT-x's VPIDs. Each processor gives out its own.

use crate::cpu::local::index;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use kernel_core::machine::CPUS_MAX;

/// A tag, valid on one processor until its tags start over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) number: u32,
    /// The processor that gave it out.
    cpu: usize,
    generation: u64,
}

impl Tag {
    /// Valid nowhere.
    pub(crate) const NONE: Self = Self { number: 0, cpu: usize::MAX, generation: 0 };

    /// Whether the calling processor gave it out and it still counts.
    pub(crate) fn is_valid(self) -> bool {
        let cpu = index();
        self.cpu == cpu && self.generation == TAGS[cpu].generation.load(Relaxed)
    }
}

/// What one processor has given out. Only its own processor touches it; atomics because it is a static.
struct Tags {
    /// The last tag given out.
    last: AtomicU32,
    /// Grows whenever the tags start over; tags of older generations are void.
    generation: AtomicU64,
}

static TAGS: [Tags; CPUS_MAX] =
    [const { Tags { last: AtomicU32::new(0), generation: AtomicU64::new(1) } }; CPUS_MAX];

/// A fresh tag of the calling processor, from 1 to `count` - 1. True: the tags started over, and everything cached
/// under them has to be forgotten.
pub(crate) fn next(count: u32) -> (Tag, bool) {
    let cpu = index();
    let tags = &TAGS[cpu];
    let number = tags.last.load(Relaxed) + 1;
    let generation = tags.generation.load(Relaxed);
    if number < count {
        tags.last.store(number, Relaxed);
        return (Tag { number, cpu, generation }, false);
    }
    tags.generation.store(generation + 1, Relaxed);
    tags.last.store(1, Relaxed);
    (Tag { number: 1, cpu, generation: generation + 1 }, true)
}
