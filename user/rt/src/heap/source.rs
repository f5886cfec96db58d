//! Where talc gets memory from.

use super::growth::Growth;
use crate::address_space::HEAP_LIMIT;
use crate::group;
use crate::mapping::Mapping;
use crate::object::Memory;
use abi::{Error, MapFlags, MemoryFlags};
use core::alloc::Layout;
use core::ptr::NonNull;
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::source::Source;

/// Bytes of the part of the heap that is in `.bss`.
const FIRST_BYTES: usize = 64 * 1024;

/// The first part of the heap.
#[repr(C, align(4096))]
struct FirstPart([u8; FIRST_BYTES]);

/// Given to the allocator once and never named again.
static mut FIRST_PART: FirstPart = FirstPart([0; FIRST_BYTES]);

unsafe extern "C" {
    /// The end of the program's image, from the linker script.
    #[link_name = "__image_end"]
    static IMAGE_END: u8;
}

/// Gives talc the part in `.bss` first and then pages behind the image.
#[derive(Debug)]
pub(super) struct Grow {
    has_first_part: bool,
    growth: Growth,
    /// The end of the range as the allocator sees it.
    end: Option<NonNull<u8>>,
}

// SAFETY: the pointer is only an address that the allocator gets back, under its lock.
unsafe impl Send for Grow {}

impl Grow {
    pub(super) const fn new() -> Self {
        Self { has_first_part: false, growth: Growth::new(), end: None }
    }

    /// Maps fresh zero pages behind the range. Returns their address and size.
    fn map_more(&mut self, layout: Layout) -> Result<(u64, u64), Error> {
        // SAFETY: only the address of the symbol is taken.
        let image_end = (&raw const IMAGE_END).expose_provenance() as u64;
        let step = self.growth.next_step(image_end, layout.size(), layout.align(), HEAP_LIMIT);
        let step = step.ok_or(Error::NoMemory)?;
        let memory = Memory::create_raw(group::own(), step.bytes, MemoryFlags::empty())?;
        let flags = MapFlags::READ | MapFlags::WRITE;
        Mapping::new_at(&memory, 0, step.bytes, step.address, flags)?.leak();
        self.growth.commit(step);
        Ok((step.address, step.bytes))
    }
}

// SAFETY: neither function allocates: system calls and arithmetic only.
unsafe impl Source for Grow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        if !talc.source.has_first_part {
            talc.source.has_first_part = true;
            // SAFETY: the array is named nowhere else, so it is the allocator's from here on.
            return unsafe { talc.claim((&raw mut FIRST_PART).cast(), FIRST_BYTES) }.map(|_| ()).ok_or(());
        }
        let (address, bytes) = talc.source.map_more(layout).map_err(|_| ())?;
        let start = core::ptr::with_exposed_provenance_mut::<u8>(address as usize);
        let end = start.wrapping_add(bytes as usize);
        let new_end = match talc.source.end {
            // SAFETY: the new pages follow the range without a gap, are writable and nobody else's.
            Some(old_end) => Some(unsafe { talc.extend(old_end, end) }),
            // SAFETY: the new pages are writable and nobody else's.
            None => unsafe { talc.claim(start, bytes as usize) },
        };
        talc.source.end = new_end;
        new_end.map(|_| ()).ok_or(())
    }
}
