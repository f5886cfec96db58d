//! The global allocator: talc for small blocks, memory objects for large ones.

use super::source::Grow;
use crate::group;
use crate::mapping::Mapping;
use crate::mutex::RawMutex;
use crate::object::Memory;
use abi::{Error, MapFlags, MemoryFlags};
use base_units::PAGE_BYTES;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;

/// Allocations of so many bytes and more are memory objects of their own.
const LARGE_BYTES: usize = 256 * 1024;

#[global_allocator]
static HEAP: Heap = Heap { small: talc::TalcLock::new(Grow::new()) };

/// The program's heap.
struct Heap {
    small: talc::TalcLock<RawMutex, Grow>,
}

/// Whether a block is a memory object of its own; only the layout decides, so that freeing agrees.
fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE_BYTES && layout.align() as u64 <= PAGE_BYTES
}

// SAFETY: small blocks are talc's; large ones are fresh mappings of at least the layout's size, aligned to
// pages. Which of the two a block is depends on its layout alone.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return map_large(layout.size()).map_or(core::ptr::null_mut(), NonNull::as_ptr);
        }
        // SAFETY: the caller's promises are those that talc asks for.
        unsafe { self.small.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let block = unsafe { self.alloc(layout) };
        // Pages of a new memory object are zero.
        if !block.is_null() && !is_large(layout) {
            // SAFETY: the block was just made with this size.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_large(layout) {
            // SAFETY: the caller gives a block with the layout that it was made with, so it is a mapping.
            return unsafe { unmap_large(block, layout.size()) };
        }
        // SAFETY: the caller's promises are those that talc asks for.
        unsafe { self.small.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size, rounded up to the alignment, does not overflow.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (is_large(layout), is_large(new_layout)) {
            // SAFETY: the caller's promises are those that talc asks for.
            (false, false) => unsafe { self.small.realloc(block, layout, new_size) },
            (true, true) if pages_of(new_size) == pages_of(layout.size()) => block,
            // SAFETY: the caller's promises are passed on.
            _ => unsafe { self.move_block(block, layout, new_layout) },
        }
    }
}

impl Heap {
    /// Makes a new block, copies what both have room for, and frees the old one.
    ///
    /// # Safety
    /// As for `realloc`.
    unsafe fn move_block(&self, block: *mut u8, layout: Layout, new_layout: Layout) -> *mut u8 {
        // SAFETY: the new layout is valid and its size not zero, by the caller's promise.
        let new_block = unsafe { self.alloc(new_layout) };
        if !new_block.is_null() {
            let bytes = layout.size().min(new_layout.size());
            // SAFETY: both blocks have so many bytes and are different.
            unsafe { core::ptr::copy_nonoverlapping(block, new_block, bytes) };
            // SAFETY: the caller gives the old block up.
            unsafe { self.dealloc(block, layout) };
        }
        new_block
    }
}

/// The bytes of the pages that hold `bytes`; `None` if there are no such pages.
fn pages_of(bytes: usize) -> Option<u64> {
    (bytes as u64).checked_next_multiple_of(PAGE_BYTES)
}

fn map_large(bytes: usize) -> Result<NonNull<u8>, Error> {
    let bytes = pages_of(bytes).ok_or(Error::NoMemory)?;
    let memory = Memory::create_raw(group::own(), bytes, MemoryFlags::empty())?;
    let mapping = Mapping::new(&memory, 0, bytes, MapFlags::READ | MapFlags::WRITE)?;
    Ok(mapping.leak().0)
}

/// Unmaps a block of [`map_large`].
///
/// # Safety
/// The block was made for this size and nobody uses it any more.
unsafe fn unmap_large(block: *mut u8, bytes: usize) {
    let (Some(start), Some(bytes)) = (NonNull::new(block), pages_of(bytes)) else { return };
    // SAFETY: the caller gives up the block, which `map_large` leaked.
    drop(unsafe { Mapping::from_leaked(start, bytes as usize) });
}
