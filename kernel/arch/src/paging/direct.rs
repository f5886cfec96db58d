//! Kernel blocks: the RAM that ring 0 keeps its own objects in, mapped at `DIRECT_BASE` + its address.

use super::carve::Carve;
use super::kernel_half::{root_entry, set_root_entry};
use super::table::{ADDRESS, DATA, LARGE, LINK, PRESENT, index};
use super::{DIRECT_BASE, window};
use crate::boot;
use base_units::{Hpa, PageSize};
use core::sync::atomic::{AtomicU64, Ordering};

/// Bytes that one directory covers.
const GIGABYTE: u64 = 1 << 30;
/// The window ends where the part of the image begins.
const DIRECT_BYTES: u64 = 64 << 40;

/// Makes the directories for all blocks of `start..end`, so that mapping a block later needs no memory and changes no root.
pub(crate) fn prepare(carve: &mut Carve, start: Hpa, end: Hpa) {
    assert!(end.raw() <= DIRECT_BYTES, "physical memory above 64 TiB");
    let mut address = start.align_down(GIGABYTE).raw();
    while address < end.raw() {
        let at = DIRECT_BASE + address;
        let mut pointers = root_entry(index(at, 4));
        if pointers & PRESENT == 0 {
            pointers = carve.take_zeroed(1).raw() | LINK;
            set_root_entry(index(at, 4), pointers);
        }
        if window::read_entry(pointers & ADDRESS, index(at, 3)) & PRESENT == 0 {
            let directory = carve.take_zeroed(1).raw() | LINK;
            window::write_entry(pointers & ADDRESS, index(at, 3), directory);
        }
        address += GIGABYTE;
    }
}

/// Maps the 2 MiB block at `block` (aligned, RAM within what [`prepare`] covered) as data of ring 0.
pub fn map_block(block: Hpa) {
    assert!(block.is_aligned(PageSize::Large.bytes()), "kernel blocks are 2 MiB aligned");
    let at = DIRECT_BASE + block.raw();
    let pointers = root_entry(index(at, 4)) & ADDRESS;
    assert!(pointers != 0, "a block outside of RAM");
    let directory = window::read_entry(pointers, index(at, 3)) & ADDRESS;
    assert!(directory != 0, "a block outside of RAM");
    window::write_entry(directory, index(at, 2), block.raw() | DATA | LARGE);
}

/// Where the byte at `address`, in a kernel block, is mapped.
#[inline(always)]
pub fn address(address: Hpa) -> u64 {
    DIRECT_BASE + address.raw()
}

/// The physical address of an object on the heap, which lies in kernel blocks and in what the image needs no longer; `None` if
/// it is elsewhere.
pub fn physical<T>(object: &T) -> Option<Hpa> {
    let address = &raw const *object as u64;
    if let Some(offset) = address.checked_sub(boot::image_symbols().0) {
        return (offset < boot::image_bytes()).then(|| Hpa::new(boot::info().kernel_start + offset));
    }
    address.checked_sub(DIRECT_BASE).filter(|offset| *offset < DIRECT_BYTES).map(Hpa::new)
}

/// The entry in a table that is a kernel frame.
#[inline(always)]
fn entry(table: Hpa, index: usize) -> &'static AtomicU64 {
    debug_assert!(index < 512);
    let pointer = (address(table.page_start()) + (index as u64 & 511) * 8) as *const AtomicU64;
    // SAFETY: kernel frames stay mapped for good, and page tables are only ever accessed as atomics.
    unsafe { &*pointer }
}

/// Reads an entry of a page table that is a kernel frame.
#[inline(always)]
pub fn read_entry(table: Hpa, index: usize) -> u64 {
    entry(table, index).load(Ordering::Relaxed)
}

/// Writes an entry of a page table that is a kernel frame.
#[inline(always)]
pub fn write_entry(table: Hpa, index: usize, value: u64) {
    entry(table, index).store(value, Ordering::Release);
}
