//! Translation of guest-virtual addresses by the guest's own page tables.
//!
//! Only for instructions that the processor has just executed: rights are not checked again.

use spec::control::{CR0_PG, CR4_LA57, CR4_PAE, CR4_PSE};
use spec::msr::EFER_LMA;

/// The registers that choose the guest's paging mode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paging {
    pub(super) cr0: u64,
    pub(super) cr3: u64,
    pub(super) cr4: u64,
    pub(super) efer: u64,
}

const PRESENT: u64 = 1;
const LARGE: u64 = 1 << 7;
/// Address bits of an 8-byte entry.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Translates `linear`. `read` reads the 8 bytes at a guest-physical address that is a multiple of 4. `None`:
/// not mapped, or a table could not be read.
pub(super) fn translate(paging: Paging, linear: u64, read: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
    if paging.cr0 & CR0_PG == 0 {
        return Some(linear & 0xffff_ffff);
    }
    if paging.cr4 & CR4_PAE == 0 {
        return translate_32(paging, linear as u32, read);
    }
    if paging.efer & EFER_LMA == 0 {
        return translate_pae(paging, linear as u32, read);
    }
    let levels = if paging.cr4 & CR4_LA57 != 0 { 5 } else { 4 };
    walk(paging.cr3 & ADDRESS, levels, linear, read)
}

/// Walks `levels` levels of 8-byte entries from the table at `table`.
fn walk(mut table: u64, levels: u32, linear: u64, mut read: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
    for level in (0..levels).rev() {
        let shift = 12 + 9 * level;
        let entry = read(table + (linear >> shift & 511) * 8)?;
        if entry & PRESENT == 0 {
            return None;
        }
        // Large pages exist on the second and third level from below.
        if level == 0 || level <= 2 && entry & LARGE != 0 {
            let offset_mask = (1u64 << shift) - 1;
            return Some(entry & ADDRESS & !offset_mask | linear & offset_mask);
        }
        table = entry & ADDRESS;
    }
    None
}

fn translate_pae(paging: Paging, linear: u32, mut read: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
    let pointer = read((paging.cr3 & 0xffff_ffe0) + u64::from(linear >> 30) * 8)?;
    if pointer & PRESENT == 0 {
        return None;
    }
    walk(pointer & ADDRESS, 2, u64::from(linear), read)
}

fn translate_32(paging: Paging, linear: u32, mut read: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
    let directory = (paging.cr3 & 0xffff_f000) + u64::from(linear >> 22) * 4;
    let entry = read(directory)? & 0xffff_ffff;
    if entry & PRESENT == 0 {
        return None;
    }
    if entry & LARGE != 0 && paging.cr4 & CR4_PSE != 0 {
        // PSE-36: bits 20..13 of the entry are address bits 39..32.
        let high = (entry >> 13 & 0xff) << 32;
        return Some(high | entry & 0xffc0_0000 | u64::from(linear & 0x3f_ffff));
    }
    let entry = read((entry & 0xffff_f000) + u64::from(linear >> 12 & 1023) * 4)? & 0xffff_ffff;
    (entry & PRESENT != 0).then_some(entry & 0xffff_f000 | u64::from(linear & 0xfff))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn read_from(memory: &BTreeMap<u64, u64>) -> impl FnMut(u64) -> Option<u64> + '_ {
        |address| memory.get(&address).copied()
    }

    const LONG: Paging = Paging { cr0: CR0_PG, cr3: 0x1000, cr4: CR4_PAE, efer: EFER_LMA };

    #[test]
    fn without_paging_addresses_are_physical() {
        let paging = Paging { cr0: 1, ..LONG };
        assert_eq!(translate(paging, 0x1234, |_| None), Some(0x1234));
    }

    #[test]
    fn four_levels_lead_to_a_small_page() {
        let linear = 0xffff_8000_0040_3123;
        let memory = BTreeMap::from([
            (0x1000 + 256 * 8, 0x2003),
            (0x2000, 0x3003),
            (0x3000 + 2 * 8, 0x4003),
            (0x4000 + 3 * 8, 0x8000_0000_0009_9003),
        ]);

        assert_eq!(translate(LONG, linear, read_from(&memory)), Some(0x9_9123));
    }

    #[test]
    fn large_pages_end_the_walk() {
        let memory = BTreeMap::from([
            (0x1000, 0x2003),
            (0x2000, 0x3003),
            (0x3000 + 8, 0x0060_0083),
            (0x2008, 0x4000_0083),
        ]);

        assert_eq!(translate(LONG, 0x0021_2345, read_from(&memory)), Some(0x0061_2345));
        assert_eq!(translate(LONG, 0x4021_2345, read_from(&memory)), Some(0x4021_2345));
    }

    #[test]
    fn a_missing_entry_or_table_is_none() {
        let memory = BTreeMap::from([(0x1000, 0x2003), (0x2000, 0)]);

        assert_eq!(translate(LONG, 0, read_from(&memory)), None);
        assert_eq!(translate(LONG, 1 << 39, read_from(&memory)), None);
    }

    #[test]
    fn five_levels_are_walked_with_la57() {
        let memory = BTreeMap::from([(0x1000, 0x2003), (0x2000, 0x3003), (0x3000, 0x8000_0083)]);
        let paging = Paging { cr4: CR4_PAE | CR4_LA57, ..LONG };

        assert_eq!(translate(paging, 0x12_3456, read_from(&memory)), Some(0x8012_3456));
    }

    #[test]
    fn pae_has_four_pointers() {
        let paging = Paging { efer: 0, cr3: 0x1020, ..LONG };
        let memory = BTreeMap::from([(0x1038, 0x2001), (0x2000, 0x0080_0083)]);

        assert_eq!(translate(paging, 0xc000_0042, read_from(&memory)), Some(0x0080_0042));
    }

    #[test]
    fn two_levels_of_four_byte_entries() {
        let paging = Paging { efer: 0, cr4: CR4_PSE, ..LONG };
        let memory = BTreeMap::from([(0x1000, 0x2003), (0x2004, 0x5003), (0x1004, 0x0000_2083)]);

        assert_eq!(translate(paging, 0x1abc, read_from(&memory)), Some(0x5abc));
        assert_eq!(translate(paging, 0x0040_0010, read_from(&memory)), Some(0x1_0000_0010));
    }
}
