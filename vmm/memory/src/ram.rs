//! Guest RAM over mapped pages.

use crate::volatile;
use base_units::Gpa;
use core::sync::atomic::AtomicU8;
use vmm_bus::{GuestMemory, GuestRange, MemoryError};

/// Pieces of RAM of one guest at the most: below and above the holes for devices, firmware, and what a chipset shows
/// between them.
pub const REGIONS_MAX: usize = 16;
/// Bytes written in one step when memory is filled.
const FILL_STEP: usize = 64;

/// One piece of guest RAM and where this process sees it.
#[derive(Clone, Copy, Debug)]
pub struct RamRegion {
    /// First guest-physical address.
    pub start: Gpa,
    /// Its bytes, from `start` on, as this process sees them for as long as it lives.
    pub bytes: &'static [AtomicU8],
}

/// Why RAM was not put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RamError {
    /// More than [`REGIONS_MAX`] regions.
    TooManyRegions,
    /// A region is empty, passes the end of the guest's address space, or overlaps another one.
    BadRegion,
}

/// The RAM of one guest.
///
/// The regions are borrowed as atomics, so that nobody has an ordinary reference to these bytes; what copies them
/// is volatile access, which moves more than a byte at once.
#[derive(Debug)]
pub struct MappedRam {
    /// Those in use sorted by `start`, then empty ones. Set once, at construction.
    regions: [RamRegion; REGIONS_MAX],
}

impl MappedRam {
    /// Puts RAM together from mapped regions.
    pub fn new(regions: &[RamRegion]) -> Result<Self, RamError> {
        let nowhere = RamRegion { start: Gpa::new(0), bytes: &[] };
        let mut ram = Self { regions: [nowhere; REGIONS_MAX] };
        let used = ram.regions.get_mut(..regions.len()).ok_or(RamError::TooManyRegions)?;
        used.copy_from_slice(regions);
        used.sort_unstable_by_key(|region| region.start);
        let mut free_from = 0;
        for region in used {
            free_from = region_end(region, free_from).ok_or(RamError::BadRegion)?;
        }
        Ok(ram)
    }

    /// Where this process sees `bytes` bytes of RAM at `at`. The pointer is valid for them.
    #[inline]
    fn locate(&self, at: Gpa, bytes: u64) -> Result<*mut u8, MemoryError> {
        // Nearly all of a guest's own structures lie in its first region. Unused ones have no bytes.
        let [first, others @ ..] = &self.regions;
        match place_in(first, at, bytes) {
            Some(place) => Ok(place),
            None => locate_in(others, at, bytes),
        }
    }
}

/// The place of `bytes` bytes at `at` in one of several regions.
#[cold]
fn locate_in(regions: &[RamRegion], at: Gpa, bytes: u64) -> Result<*mut u8, MemoryError> {
    regions.iter().find_map(|region| place_in(region, at, bytes)).ok_or(MemoryError::OutOfRange)
}

/// The place of `bytes` bytes at `at` if all of them, and at least the first, lie in the region.
#[inline]
fn place_in(region: &RamRegion, at: Gpa, bytes: u64) -> Option<*mut u8> {
    let offset = at.raw().wrapping_sub(region.start.raw());
    // An address below the region wraps to an offset that no region has: regions end before the
    // address space does.
    let room = (region.bytes.len() as u64).checked_sub(offset).filter(|room| *room > 0 && bytes <= *room);
    // An offset below a slice's length fits `usize`. The slice is of atomics, so it may be written.
    let base = region.bytes.as_ptr().cast::<u8>().cast_mut();
    room.map(|_| base.wrapping_add(offset as usize))
}

/// The end of a region that starts at `free_from` or above and fits the guest's address space.
fn region_end(region: &RamRegion, free_from: u64) -> Option<u64> {
    let end = region.start.raw().checked_add(region.bytes.len() as u64)?;
    (region.start.raw() >= free_from && !region.bytes.is_empty()).then_some(end)
}

impl GuestMemory for MappedRam {
    fn read(&self, from: Gpa, into: &mut [u8]) -> Result<(), MemoryError> {
        let source = self.locate(from, into.len() as u64)?;
        // SAFETY: `locate` found all these bytes in a mapped region; no reference points there.
        unsafe { volatile::copy_out(source, into) };
        Ok(())
    }

    fn write(&self, to: Gpa, from: &[u8]) -> Result<(), MemoryError> {
        let target = self.locate(to, from.len() as u64)?;
        // SAFETY: as in `read`.
        unsafe { volatile::copy_in(target, from) };
        Ok(())
    }

    fn fill(&self, range: GuestRange, value: u8) -> Result<(), MemoryError> {
        let mut target = self.locate(range.start, range.bytes)?;
        let step = [value; FILL_STEP];
        let mut left = range.bytes;
        while left > 0 {
            let count = left.min(FILL_STEP as u64) as usize;
            let part = step.get(..count).unwrap_or(&step);
            // SAFETY: `locate` found `left` bytes from here on in a mapped region.
            unsafe { volatile::copy_in(target, part) };
            target = target.wrapping_add(part.len());
            left = left.saturating_sub(part.len() as u64);
        }
        Ok(())
    }

    fn check(&self, range: GuestRange) -> Result<(), MemoryError> {
        self.locate(range.start, range.bytes).map(|_| ())
    }

    #[inline]
    fn read_u8(&self, from: Gpa) -> Result<u8, MemoryError> {
        let source = self.locate(from, 1)?;
        // SAFETY: `locate` found the byte in a mapped region.
        Ok(unsafe { volatile::load(source) })
    }

    #[inline]
    fn read_u16(&self, from: Gpa) -> Result<u16, MemoryError> {
        let source = self.locate(from, 2)?;
        // SAFETY: `locate` found the bytes in a mapped region.
        Ok(unsafe { volatile::load(source) })
    }

    #[inline]
    fn read_u32(&self, from: Gpa) -> Result<u32, MemoryError> {
        let source = self.locate(from, 4)?;
        // SAFETY: `locate` found the bytes in a mapped region.
        Ok(unsafe { volatile::load(source) })
    }

    #[inline]
    fn read_u64(&self, from: Gpa) -> Result<u64, MemoryError> {
        let source = self.locate(from, 8)?;
        // SAFETY: `locate` found the bytes in a mapped region.
        Ok(unsafe { volatile::load(source) })
    }

    #[inline]
    fn write_u16(&self, to: Gpa, value: u16) -> Result<(), MemoryError> {
        let target = self.locate(to, 2)?;
        // SAFETY: `locate` found the bytes in a mapped region.
        unsafe { volatile::store(target, value) };
        Ok(())
    }

    #[inline]
    fn write_u32(&self, to: Gpa, value: u32) -> Result<(), MemoryError> {
        let target = self.locate(to, 4)?;
        // SAFETY: `locate` found the bytes in a mapped region.
        unsafe { volatile::store(target, value) };
        Ok(())
    }

    #[inline]
    fn write_u64(&self, to: Gpa, value: u64) -> Result<(), MemoryError> {
        let target = self.locate(to, 8)?;
        // SAFETY: `locate` found the bytes in a mapped region.
        unsafe { volatile::store(target, value) };
        Ok(())
    }
}
