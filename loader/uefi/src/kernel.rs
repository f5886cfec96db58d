//! The kernel, from the bundle into memory.

use crate::elf::Image;
use crate::failure::Failure;
use core::ptr::NonNull;
use loader_bundle::{Bundle, names};
use uefi::boot::{self, AllocateType, MemoryType};

/// Bytes of a large page: what the image is aligned to.
pub(crate) const LARGE_BYTES: u64 = 2 << 20;
/// The kernel's first page tables must be reachable from 32-bit code.
const ADDRESS_MAX: u64 = 0xffff_ffff;

/// The kernel in memory.
pub(crate) struct Kernel {
    /// Physical address, a multiple of 2 MiB.
    pub(crate) start: u64,
    /// Bytes, whole pages.
    pub(crate) bytes: u64,
    /// Virtual address that `start` is mapped to.
    pub(crate) address: u64,
    /// Virtual address of the first instruction.
    pub(crate) entry: u64,
}

/// Checks the kernel in the bundle and puts it in place.
pub(crate) fn load(bundle: &[u8]) -> Result<Kernel, Failure> {
    if bundle.is_empty() {
        return Err(Failure::NoBundle);
    }
    let table = Bundle::parse(bundle, bundle.len() as u64)?;
    let image = Image::parse(table.content(bundle, names::KERNEL)?)?;
    let place = allocate(image.bytes)?;
    for segment in image.segments() {
        // SAFETY: the segments lie within `image.bytes`, which is what was allocated.
        let to = unsafe { place.add(segment.offset as usize) };
        // SAFETY: as above; the file's part is not longer than the segment.
        unsafe { to.copy_from_nonoverlapping(NonNull::from(segment.content).cast(), segment.content.len()) };
        let rest = segment.bytes as usize - segment.content.len();
        // SAFETY: the rest of the same segment.
        unsafe { to.add(segment.content.len()).write_bytes(0, rest) };
    }
    Ok(Kernel { start: place.as_ptr() as u64, bytes: image.bytes, address: image.start, entry: image.entry })
}

/// Takes 2 MiB aligned pages below 4 GiB. What is too much of them is free RAM for the kernel all the same.
fn allocate(bytes: u64) -> Result<NonNull<u8>, Failure> {
    let pages = (bytes + LARGE_BYTES).div_ceil(4096) as usize;
    let place = boot::allocate_pages(AllocateType::MaxAddress(ADDRESS_MAX), MemoryType::LOADER_DATA, pages)
        .map_err(|error| Failure::NoMemory("the kernel", error.status()))?;
    let start = place.as_ptr() as u64;
    let shift = start.next_multiple_of(LARGE_BYTES) - start;
    // SAFETY: less than the 2 MiB that were allocated on top.
    Ok(unsafe { place.add(shift as usize) })
}
