//! One page table, and what its entries mean (AMD APM vol. 2, 5.3).

use core::sync::atomic::{AtomicU64, Ordering};

/// Entries of a table.
pub(crate) const ENTRIES: usize = 512;
/// The page is there.
pub(crate) const PRESENT: u64 = 1 << 0;
/// It may be written.
pub(crate) const WRITABLE: u64 = 1 << 1;
/// PAT bit 0.
pub(crate) const WRITE_THROUGH: u64 = 1 << 3;
/// PAT bit 1.
pub(crate) const CACHE_DISABLE: u64 = 1 << 4;
/// It was read. Set beforehand, so that the processor need not.
pub(crate) const ACCESSED: u64 = 1 << 5;
/// It was written. Set beforehand, so that the processor need not.
pub(crate) const DIRTY: u64 = 1 << 6;
/// The entry maps a large page itself.
pub(crate) const LARGE: u64 = 1 << 7;
/// The translation survives a change of address space.
pub(crate) const GLOBAL: u64 = 1 << 8;
/// It may not be executed.
pub(crate) const NO_EXECUTE: u64 = 1 << 63;
/// The bits that hold an address.
pub(crate) const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Points to the next table; permissions are those of the last level.
pub(crate) const LINK: u64 = PRESENT | WRITABLE | ACCESSED;
/// A page of code.
pub(crate) const CODE: u64 = PRESENT | ACCESSED | GLOBAL;
/// A page of constants.
pub(crate) const CONSTANT: u64 = PRESENT | ACCESSED | GLOBAL | NO_EXECUTE;
/// A page of data.
pub(crate) const DATA: u64 = CONSTANT | WRITABLE | DIRTY;

/// A page table within the image.
#[repr(C, align(4096))]
pub(crate) struct Table([AtomicU64; ENTRIES]);

impl Table {
    /// A table that maps nothing.
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; ENTRIES])
    }

    /// Entry `index`; 0 past the end.
    pub(crate) fn get(&self, index: usize) -> u64 {
        self.0.get(index).map_or(0, |entry| entry.load(Ordering::Relaxed))
    }

    /// Sets entry `index`, which is below 512.
    pub(crate) fn set(&self, index: usize, entry: u64) {
        if let Some(slot) = self.0.get(index) {
            slot.store(entry, Ordering::Relaxed);
        }
    }
}

/// Index of the entry for `address` in a table of level 1 (4 KiB pages) to 4.
pub(crate) const fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * (level - 1)) & 0x1ff) as usize
}
