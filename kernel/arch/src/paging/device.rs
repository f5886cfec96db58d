//! Registers of devices, mapped for good.

use super::kernel_half::{DEVICE_DIRECTORY, DEVICES};
use super::table::{CACHE_DISABLE, DATA, ENTRIES, LARGE, WRITE_THROUGH, index};
use super::{DEVICE_BASE, LARGE_BASE};
use base_units::{PAGE_BYTES, PageSize};
use core::arch::asm;
use spin::Mutex;

/// Ranges of more bytes than this are mapped with large pages.
const SMALL_BYTES_MAX: u64 = 256 * 1024;

/// How the processor may cache a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caching {
    /// Not at all: registers.
    Uncached,
    /// Writes may be gathered: framebuffers.
    WriteCombining,
}

/// A range of device memory. Having one proves that it is mapped for good and holds no Rust object.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    start: u64,
    bytes: u64,
}

/// Pages handed out: small ones and large ones.
static USED: Mutex<(usize, usize)> = Mutex::new((0, 0));

/// Maps `bytes` bytes of device memory from `physical` on; `None` if the address space for it is used up.
///
/// The range must not be RAM that the kernel manages; the callers take it from ACPI tables and the loader.
pub(crate) fn map(physical: u64, bytes: u64, caching: Caching) -> Option<Mapping> {
    let attributes = match caching {
        Caching::Uncached => DATA | CACHE_DISABLE | WRITE_THROUGH,
        Caching::WriteCombining => DATA | WRITE_THROUGH,
    };
    let end = physical.checked_add(bytes)?;
    let page_bytes = if bytes <= SMALL_BYTES_MAX { PAGE_BYTES } else { PageSize::Large.bytes() };
    let first = physical & !(page_bytes - 1);
    let pages = usize::try_from((end - first).div_ceil(page_bytes)).ok()?;
    let mut used = USED.lock();
    let start = if page_bytes == PAGE_BYTES {
        let start = used.0;
        used.0 = start.checked_add(pages).filter(|&end| end <= ENTRIES)?;
        for page in 0..pages {
            DEVICES.set(start + page, (first + page as u64 * page_bytes) | attributes);
        }
        DEVICE_BASE + start as u64 * page_bytes
    } else {
        let start = used.1;
        let slot = index(LARGE_BASE, 2);
        used.1 = start.checked_add(pages).filter(|&end| slot + end <= ENTRIES)?;
        for page in 0..pages {
            DEVICE_DIRECTORY
                .set(slot + start + page, (first + page as u64 * page_bytes) | attributes | LARGE);
        }
        LARGE_BASE + start as u64 * page_bytes
    };
    Some(Mapping { start: start + (physical - first), bytes })
}

impl Mapping {
    /// Where the `size` bytes at `offset` are.
    ///
    /// # Panics
    /// When they are not inside: a bug of the driver.
    #[inline(always)]
    fn at(self, offset: u64, size: u64) -> u64 {
        assert!(offset + size <= self.bytes, "outside of the device");
        self.start + offset
    }

    /// Reads the 32-bit register at `offset`.
    #[inline(always)]
    pub fn read_u32(self, offset: u64) -> u32 {
        // SAFETY: inside of the mapping; device registers are accessed volatile.
        unsafe { (self.at(offset, 4) as *const u32).read_volatile() }
    }

    /// Reads the 64-bit register at `offset`.
    #[inline(always)]
    pub fn read_u64(self, offset: u64) -> u64 {
        // SAFETY: as in `read_u32`.
        unsafe { (self.at(offset, 8) as *const u64).read_volatile() }
    }

    /// Writes the 8-bit register at `offset`.
    pub fn write_u8(self, offset: u64, value: u8) {
        // SAFETY: as in `read_u32`.
        unsafe { (self.at(offset, 1) as *mut u8).write_volatile(value) };
    }

    /// Writes the 16-bit word at `offset`.
    #[inline(always)]
    pub fn write_u16(self, offset: u64, value: u16) {
        // SAFETY: as in `read_u32`.
        unsafe { (self.at(offset, 2) as *mut u16).write_volatile(value) };
    }

    /// Writes the 32-bit register at `offset`.
    #[inline(always)]
    pub fn write_u32(self, offset: u64, value: u32) {
        // SAFETY: as in `read_u32`.
        unsafe { (self.at(offset, 4) as *mut u32).write_volatile(value) };
    }

    /// Writes the 64-bit register at `offset`.
    #[inline(always)]
    pub fn write_u64(self, offset: u64, value: u64) {
        // SAFETY: as in `read_u32`.
        unsafe { (self.at(offset, 8) as *mut u64).write_volatile(value) };
    }

    /// Fills `words` words of 8 bytes from `offset` on.
    pub fn fill(self, offset: u64, value: u64, words: u64) {
        let to = self.at(offset, words * 8);
        // SAFETY: inside of the mapping, which holds no Rust object.
        unsafe {
            asm!("rep stosq", in("rax") value, inout("rcx") words => _, inout("rdi") to => _,
                options(nostack, preserves_flags));
        }
    }
}
