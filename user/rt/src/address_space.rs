//! Where things lie in the address space of a ring-3 program.
//!
//! ```text
//! 0x0800_0000  stacks of threads, 64 KiB slots, the first one at the top; each has a guard gap below it
//! 0x0ff8_0000  vCPU pages
//! 0x1000_0000  the program: read-only data, code, data, .bss
//!    +1 page   the heap beyond its first 64 KiB (which are part of .bss), growing upwards
//! 0x5000_0000  end of the heap
//!   elsewhere  what the kernel places: mapped memory objects
//! ```
//!
//! Things lie close together because each 2 MiB region in use costs a page table: an idle program gets
//! by with two.

use crate::mapping::Mapping;
use crate::object::Memory;
use abi::{Error, MapFlags};
use base_units::PAGE_BYTES;
use core::sync::atomic::{AtomicU32, Ordering};

/// Where programs are linked; the same number stands in `program.ld`.
pub const IMAGE_BASE: u64 = 0x1000_0000;
/// The highest address that an image and its heap may use.
pub(crate) const HEAP_LIMIT: u64 = 0x5000_0000;

/// Where vCPU pages lie.
const VCPU_PAGES_BASE: u64 = 0x0ff8_0000;
/// vCPU pages of one program at the most.
const VCPU_PAGES_MAX: u32 = ((IMAGE_BASE - VCPU_PAGES_BASE) / PAGE_BYTES) as u32;
/// The first thread's stack ends here; those of the others lie below it.
pub(crate) const STACK_TOP: u64 = VCPU_PAGES_BASE;
/// Distance of one stack to the next.
const STACK_SLOT_BYTES: u64 = 64 * 1024;
/// Threads of one program at the most.
const STACK_SLOTS: u32 = 1024;
/// The largest stack: at least one page of each slot stays unmapped and catches overflows.
pub const STACK_BYTES_MAX: u64 = STACK_SLOT_BYTES - PAGE_BYTES;

const _: () = assert!(STACK_TOP > STACK_SLOT_BYTES * STACK_SLOTS as u64);

/// Hands out places of equal size. A place may turn out to be in use already: the kernel knows, and
/// the next one is tried.
#[derive(Debug)]
struct Places {
    count: u32,
    /// The place to try first: the one behind the last success. Only a hint.
    next: AtomicU32,
}

impl Places {
    const fn new(count: u32) -> Self {
        Self { count, next: AtomicU32::new(0) }
    }

    /// Calls `take` with one place after the other until it answers anything but `Exists`.
    fn find<T>(&self, mut take: impl FnMut(u32) -> Result<T, Error>) -> Result<T, Error> {
        let start = self.next.load(Ordering::Relaxed) % self.count;
        for step in 0..self.count {
            let place = (start + step) % self.count;
            match take(place) {
                Err(Error::Exists) => {}
                Err(other) => return Err(other),
                Ok(taken) => {
                    self.next.store((place + 1) % self.count, Ordering::Relaxed);
                    return Ok(taken);
                }
            }
        }
        Err(Error::LimitReached)
    }
}

static STACKS: Places = Places::new(STACK_SLOTS);
static VCPU_PAGES: Places = Places::new(VCPU_PAGES_MAX);

/// Maps a stack into a free slot.
pub(crate) fn place_stack(memory: &Memory, bytes: u64) -> Result<Mapping, Error> {
    if bytes > STACK_BYTES_MAX {
        return Err(Error::BadArgument);
    }
    let flags = MapFlags::READ | MapFlags::WRITE;
    STACKS.find(|slot| {
        let top = STACK_TOP - u64::from(slot) * STACK_SLOT_BYTES;
        Mapping::new_at(memory, 0, bytes, top - bytes, flags)
    })
}

/// Calls `create` with the addresses of vCPU pages until one is free. Returns its answer and the address.
pub(crate) fn place_vcpu_page<T>(mut create: impl FnMut(u64) -> Result<T, Error>) -> Result<(T, u64), Error> {
    VCPU_PAGES.find(|slot| {
        let address = VCPU_PAGES_BASE + u64::from(slot) * PAGE_BYTES;
        create(address).map(|answer| (answer, address))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_use_are_skipped() {
        let places = Places::new(4);

        let first = places.find(|place| if place < 2 { Err(Error::Exists) } else { Ok(place) });
        let second = places.find(Ok);
        let third = places.find(Ok);

        assert_eq!((first, second, third), (Ok(2), Ok(3), Ok(0)));
    }

    #[test]
    fn a_full_area_is_a_limit_and_other_refusals_end_the_search() {
        let places = Places::new(3);
        let mut tries = 0;

        let full: Result<(), _> = places.find(|_| {
            tries += 1;
            Err(Error::Exists)
        });
        let refused: Result<(), _> = places.find(|_| Err(Error::NoMemory));

        assert_eq!((full, tries), (Err(Error::LimitReached), 3));
        assert_eq!(refused, Err(Error::NoMemory));
    }
}
