//! How page-table entries say what they say.
//!
//! Three formats share the shape (4 levels, 512 entries of 64 bits, address in bits 12 to 51, bit 0 = present or
//! readable, bit 1 = writable, bit 7 = large) and differ in the rest, so a format is a set of masks.

use super::super::{Caching, Permissions};
use base_units::{Hpa, PageSize};

/// Which PAT entry is write-combining: `kernel/arch` programs the PAT MSR so. Index 0 is write-back and 3
/// uncached, as after reset; indices below 4 need no PAT bit, which moves with the page size.
pub const PAT_WRITE_COMBINING: u64 = 1;

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::memory) struct Format {
    /// Bits of an entry that names a table.
    table: u64,
    /// Bits of an entry that maps a page, whatever it allows.
    leaf: u64,
    /// Set in entries that may be executed.
    execute: u64,
    /// Set in entries that may not be executed.
    no_execute: u64,
    /// The processor has written to the page, or need not say so.
    dirty: u64,
    /// Bits for write-back, uncached, write-combining.
    caching: [u64; 3],
}

/// Accessed and dirty are set from the start: the processor then needs no write to the entry at the first
/// access. Who wrote what is found by write protection, or by a log of writes, which asks for dirty to be cleared.
const X86_ACCESSED_DIRTY: u64 = 1 << 5 | 1 << 6;
const X86_DIRTY: u64 = 1 << 6;
const X86_USER: u64 = 1 << 2;
const X86_NO_EXECUTE: u64 = 1 << 63;
const X86_PWT: u64 = 1 << 3;
const X86_PCD: u64 = 1 << 4;
const EPT_EXECUTE: u64 = 1 << 2;
const EPT_MEMORY_TYPE_SHIFT: u32 = 3;
const EPT_ACCESSED_DIRTY: u64 = 1 << 8 | 1 << 9;
const EPT_DIRTY: u64 = 1 << 9;

impl Format {
    /// Ring 3 (Intel SDM vol. 3, 4.5). Guests of AMD-V too: the nested walk is a user access (AMD APM
    /// vol. 2, 15.25.5).
    pub(in crate::memory) const X86: Format = Format {
        table: PRESENT | WRITABLE | X86_USER | 1 << 5,
        leaf: PRESENT | X86_USER | X86_ACCESSED_DIRTY,
        execute: 0,
        no_execute: X86_NO_EXECUTE,
        dirty: X86_DIRTY,
        caching: [0, X86_PCD | X86_PWT, PAT_WRITE_COMBINING << 3],
    };
    /// Intel's extended page tables (Intel SDM vol. 3, 29.3.2). Memory types: 6 WB, 0 UC, 1 WC.
    pub(in crate::memory) const EPT: Format = Format {
        table: PRESENT | WRITABLE | EPT_EXECUTE,
        leaf: PRESENT | EPT_ACCESSED_DIRTY,
        execute: EPT_EXECUTE,
        no_execute: 0,
        dirty: EPT_DIRTY,
        caching: [6 << EPT_MEMORY_TYPE_SHIFT, 0, 1 << EPT_MEMORY_TYPE_SHIFT],
    };

    /// The entry that names a table.
    pub(super) fn table(&self, table: Hpa) -> Entry {
        Entry(table.raw() | self.table)
    }

    /// The entry that maps a page.
    #[inline]
    pub(super) fn leaf(&self, leaf: &Leaf) -> Entry {
        let size = if leaf.size == PageSize::Small { 0 } else { LARGE };
        let write = if leaf.permissions.write { WRITABLE } else { 0 };
        let execute = if leaf.permissions.execute { self.execute } else { self.no_execute };
        let caching = self.caching[leaf.caching as usize];
        Entry(leaf.frame.raw() | self.leaf | size | write | execute | caching)
    }

    /// Whether a page may be written without anybody taking note. A writable one that is not dirty is in nobody's report yet.
    pub(super) fn may_write(&self, entry: Entry) -> bool {
        entry.is_writable() && entry.0 & self.dirty != 0
    }

    /// A writable leaf whose next write the processor notes again.
    pub(super) fn clean(&self, entry: Entry) -> Entry {
        Entry(entry.0 & !self.dirty)
    }

    /// Whether a present entry lets instructions be fetched.
    pub(super) fn may_execute(&self, entry: Entry) -> bool {
        entry.0 & self.execute == self.execute && entry.0 & self.no_execute == 0
    }
}

/// A page to be mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::memory) struct Leaf {
    /// Aligned to `size`.
    pub(in crate::memory) frame: Hpa,
    pub(in crate::memory) size: PageSize,
    pub(in crate::memory) permissions: Permissions,
    pub(in crate::memory) caching: Caching,
}

/// An entry of any format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry(pub(super) u64);

impl Entry {
    pub(super) const NONE: Entry = Entry(0);

    pub(super) const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// Whether the entry of a table above the lowest names another table.
    pub(super) const fn names_table(self) -> bool {
        self.0 & (PRESENT | LARGE) == PRESENT
    }

    pub(super) const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Whether a present entry of a table of `level` (0 = lowest) maps a page.
    pub(super) const fn is_leaf(self, level: u32) -> bool {
        level == 0 || self.0 & LARGE != 0
    }

    pub(super) const fn address(self) -> Hpa {
        Hpa::new(self.0 & ADDRESS)
    }

    pub(super) const fn protected(self) -> Entry {
        Entry(self.0 & !WRITABLE)
    }

    /// Part `index` of the 512 of a large leaf; `level` is the one of the parts.
    pub(super) const fn part(self, index: usize, level: u32) -> Entry {
        let large = if level == 0 { self.0 & !LARGE } else { self.0 };
        Entry(large + ((index as u64) << (12 + 9 * level)))
    }
}
