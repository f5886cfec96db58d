//! By how much the heap grows, and where.

use base_units::PAGE_BYTES;

/// The smallest step: what a small program needs beyond its first part.
const STEP_BYTES_MIN: u64 = 64 * 1024;
/// The largest step taken ahead of need.
const STEP_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Room for what the allocator keeps beside an allocation and at the ends of a range.
const OVERHEAD_BYTES: u64 = 4096;

/// The range of the heap behind the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Growth {
    /// First byte behind the range; 0 = there is none yet.
    end: u64,
    /// Bytes in the range.
    bytes: u64,
}

/// Pages to add to the range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    /// Where they go.
    pub(super) address: u64,
    /// How many bytes.
    pub(super) bytes: u64,
}

impl Growth {
    pub(super) const fn new() -> Self {
        Self { end: 0, bytes: 0 }
    }

    /// The step that makes room for an allocation; `None` if it would pass `limit`.
    ///
    /// A step grows with the range (half of it), so that a large heap is made of few objects.
    pub(super) fn next_step(&self, image_end: u64, size: usize, align: usize, limit: u64) -> Option<Step> {
        let address = if self.end == 0 { first_address(image_end)? } else { self.end };
        let room = (size as u64).checked_add(align as u64)?.checked_add(OVERHEAD_BYTES)?;
        let ahead = (self.bytes / 2).clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
        let bytes = room.max(ahead).checked_next_multiple_of(STEP_BYTES_MIN)?;
        if address.checked_add(bytes)? > limit {
            return None;
        }
        Some(Step { address, bytes })
    }

    /// Notes that the pages of a step were added.
    pub(super) fn commit(&mut self, step: Step) {
        self.end = step.address + step.bytes;
        self.bytes += step.bytes;
    }
}

/// The range starts behind the image with one page between them that catches overruns of `.bss`.
fn first_address(image_end: u64) -> Option<u64> {
    image_end.checked_next_multiple_of(PAGE_BYTES)?.checked_add(PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: u64 = 0x5000_0000;

    #[test]
    fn the_first_step_is_small_and_leaves_a_gap() {
        let step = Growth::new().next_step(0x1002_3456, 100, 8, LIMIT);

        assert_eq!(step, Some(Step { address: 0x1002_5000, bytes: STEP_BYTES_MIN }));
    }

    #[test]
    fn an_allocation_that_overflows_is_refused() {
        assert_eq!(Growth::new().next_step(0x1000_0000, usize::MAX, 4096, LIMIT), None);
        assert_eq!(Growth::new().next_step(u64::MAX, 1, 1, LIMIT), None);
    }

    proptest! {
        #[test]
        fn steps_follow_each_other_hold_the_allocation_and_stay_below_the_limit(
            sizes in proptest::collection::vec(1usize..3_000_000, 1..200),
        ) {
            let mut growth = Growth::new();
            let mut end = 0x1010_1000;
            for size in sizes {
                let Some(step) = growth.next_step(0x1010_0000, size, 64, LIMIT) else {
                    prop_assert!(end + size as u64 + STEP_BYTES_MAX + 8192 > LIMIT);
                    break;
                };
                prop_assert_eq!(step.address, end);
                prop_assert!(step.bytes > size as u64 && step.bytes % STEP_BYTES_MIN == 0);
                growth.commit(step);
                end += step.bytes;
                prop_assert!(end <= LIMIT);
            }
        }
    }
}
