//! Page tables of all formats, in RAM above this kernel.

use super::{cr4, efer};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Where pages for tables and tests come from.
const FIRST_PAGE: u64 = 16 << 20;
/// Where they end: claims' machines have at least 32 MiB.
const END: u64 = 30 << 20;

static NEXT_PAGE: AtomicU64 = AtomicU64::new(FIRST_PAGE);

/// Gives all pages back: another claim begins.
pub(crate) fn forget_all() {
    NEXT_PAGE.store(FIRST_PAGE, SeqCst);
}

/// A fresh page of zeros.
pub(crate) fn fresh_page() -> u64 {
    fresh_pages(1, 4096)
}

/// Fresh contiguous pages at a multiple of `alignment`.
pub(crate) fn fresh_pages(count: u64, alignment: u64) -> u64 {
    let page = NEXT_PAGE.load(SeqCst).next_multiple_of(alignment);
    NEXT_PAGE.store(page + count * 4096, SeqCst);
    assert!(page + count * 4096 <= END, "no page is left for tables");
    unsafe { core::ptr::write_bytes(page as *mut u8, 0, (count * 4096) as usize) };
    page
}

/// Bits of an entry.
pub(crate) mod bit {
    /// Present.
    pub(crate) const PRESENT: u64 = 1;
    /// Writable.
    pub(crate) const WRITE: u64 = 1 << 1;
    /// For ring 3.
    pub(crate) const USER: u64 = 1 << 2;
    /// Was accessed.
    pub(crate) const ACCESSED: u64 = 1 << 5;
    /// Was written.
    pub(crate) const DIRTY: u64 = 1 << 6;
    /// A large page.
    pub(crate) const LARGE: u64 = 1 << 7;
    /// Not for execution.
    pub(crate) const NO_EXECUTE: u64 = 1 << 63;
}

/// A format of page tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// 32-bit entries, two levels.
    Legacy,
    /// 64-bit entries, three levels, four entries at the top.
    Pae,
    /// Long mode, four levels.
    Long4,
    /// Long mode, five levels.
    Long5,
}

impl Format {
    /// Shift and index bits of each level, from the top.
    fn levels(self) -> &'static [(u32, u32)] {
        match self {
            Format::Legacy => &[(22, 10), (12, 10)],
            Format::Pae => &[(30, 2), (21, 9), (12, 9)],
            Format::Long4 => &[(39, 9), (30, 9), (21, 9), (12, 9)],
            Format::Long5 => &[(48, 9), (39, 9), (30, 9), (21, 9), (12, 9)],
        }
    }

    /// CR4 bits that choose it.
    pub(crate) fn cr4(self) -> u32 {
        match self {
            Format::Legacy => cr4::PSE,
            Format::Pae | Format::Long4 => cr4::PAE,
            Format::Long5 => cr4::PAE | cr4::LA57,
        }
    }

    /// EFER bits that choose it.
    pub(crate) fn efer(self) -> u32 {
        match self {
            Format::Legacy | Format::Pae => 0,
            Format::Long4 | Format::Long5 => efer::LME,
        }
    }
}

/// Page tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    format: Format,
    root: u64,
}

impl Tables {
    /// Empty ones.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, root: fresh_page() }
    }

    /// Ones that map the first 32 MiB, for ring 0, with the largest pages that fit, and the local APIC.
    pub(crate) fn with_this_kernel(format: Format) -> Self {
        Self::with_this_kernel_for(format, 0)
    }

    /// The same with further bits, such as [`bit::USER`].
    pub(crate) fn with_this_kernel_for(format: Format, bits: u64) -> Self {
        let tables = Self::new(format);
        let large = if format == Format::Legacy { 22 } else { 21 };
        for address in (0..32 << 20).step_by(1 << large) {
            tables.map(address, address, large, bit::PRESENT | bit::WRITE | bits);
        }
        let apic = 0xfee0_0000;
        tables.map(apic, apic, 12, bit::PRESENT | bit::WRITE);
        tables
    }

    /// Physical address of the top.
    pub(crate) fn root(&self) -> u64 {
        self.root
    }

    /// Their format.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Maps a page of `1 << shift` bytes.
    pub(crate) fn map(&self, linear: u64, physical: u64, shift: u32, bits: u64) {
        let large = if shift == 12 { 0 } else { bit::LARGE };
        let place = self.place(linear, shift);
        self.write(place, physical | bits | large);
    }

    /// The entry that maps `linear` with a page of `1 << shift` bytes, or leads there. Tables above it are made.
    pub(crate) fn place(&self, linear: u64, shift: u32) -> u64 {
        let mut table = self.root;
        for &(level_shift, index_bits) in self.format.levels() {
            let index = linear >> level_shift & ((1 << index_bits) - 1);
            let place = table + index * self.entry_bytes();
            if level_shift == shift {
                return place;
            }
            let mut entry = self.read(place);
            if entry & bit::PRESENT == 0 {
                entry = fresh_page() | self.link_bits(level_shift);
                self.write(place, entry);
            }
            table = entry & 0x000f_ffff_ffff_f000;
        }
        unreachable!("no level has pages of this size")
    }

    /// The third level of PAE's tables has nothing but "present".
    fn link_bits(&self, shift: u32) -> u64 {
        match self.format == Format::Pae && shift == 30 {
            true => bit::PRESENT,
            false => bit::PRESENT | bit::WRITE | bit::USER,
        }
    }

    fn entry_bytes(&self) -> u64 {
        if self.format == Format::Legacy { 4 } else { 8 }
    }

    /// Reads an entry.
    pub(crate) fn read(&self, place: u64) -> u64 {
        unsafe {
            match self.entry_bytes() {
                4 => u64::from((place as *const u32).read_volatile()),
                _ => (place as *const u64).read_volatile(),
            }
        }
    }

    /// Writes an entry.
    pub(crate) fn write(&self, place: u64, entry: u64) {
        unsafe {
            match self.entry_bytes() {
                4 => (place as *mut u32).write_volatile(entry as u32),
                _ => (place as *mut u64).write_volatile(entry),
            }
        }
    }
}
