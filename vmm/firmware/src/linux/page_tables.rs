//! Identity page tables for the first instructions.

use crate::{layout, source::put};
use alloc::vec::Vec;
use base_units::{Gpa, PAGE_BYTES, PageSize};

/// Present and writable.
const TABLE: u64 = 0b11;
/// Present, writable, a large page.
const LARGE: u64 = 0b1000_0011;
const TABLE_BYTES: usize = PAGE_BYTES as usize;
const ENTRY_BYTES: usize = 8;
/// What one page directory maps.
const DIRECTORY_SPAN: u64 = 1 << 30;
/// Page directories at the most: below 4 GiB.
const DIRECTORIES_MAX: u64 = 4;

/// A PML4, a page directory pointer table and directories of 2 MiB pages that map `0..end`
/// (at least 1 GiB) to itself.
pub(super) fn identity(end: Gpa) -> Vec<u8> {
    let directories = end.raw().div_ceil(DIRECTORY_SPAN).clamp(1, DIRECTORIES_MAX);
    let tables = layout::PAGE_TABLES.raw();
    let table_at = |index: u64| tables + index * PAGE_BYTES;
    let mut bytes = alloc::vec![0; (2 + directories as usize) * TABLE_BYTES];
    put(&mut bytes, 0, &(table_at(1) | TABLE).to_le_bytes());
    for index in 0..directories {
        let entry = TABLE_BYTES + index as usize * ENTRY_BYTES;
        put(&mut bytes, entry, &(table_at(2 + index) | TABLE).to_le_bytes());
    }
    let pages = bytes.get_mut(2 * TABLE_BYTES..).unwrap_or(&mut []);
    for (index, entry) in (0u64..).zip(pages.chunks_exact_mut(ENTRY_BYTES)) {
        entry.copy_from_slice(&((index * PageSize::Large.bytes()) | LARGE).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_gibibytes_need_three_directories() {
        let bytes = identity(Gpa::new(3 << 30));

        assert_eq!(bytes.len(), 5 * 4096);
        let last = u64::from_le_bytes(bytes[bytes.len() - 8..].try_into().unwrap());
        assert_eq!(last, ((3 << 30) - (2 << 20)) | LARGE);
        let directory = u64::from_le_bytes(bytes[4096..4104].try_into().unwrap());
        assert_eq!(directory, (0x9000 + 2 * 4096) | TABLE);
    }
}
