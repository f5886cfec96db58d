//! The tables of the upper half, and the move onto them.

use super::table::{self, LINK, Table, index};
use super::{DEVICE_BASE, STACK_BASE, WINDOW_BASE, direct};
use crate::boot;
use crate::cpu::local::local;
use crate::cpu::{control, msr};
use base_units::{Hpa, PAGE_BYTES};

/// Tables of 2 MiB that the image may fill.
const IMAGE_TABLES: usize = 2;
/// Tables for stacks: 128 KiB for each of 64 processors.
const STACK_TABLES: usize = 4;

static ROOT: Table = Table::new();
static TOP_POINTERS: Table = Table::new();
static IMAGE_DIRECTORY: Table = Table::new();
static IMAGE: [Table; IMAGE_TABLES] = [const { Table::new() }; IMAGE_TABLES];
pub(super) static DEVICE_DIRECTORY: Table = Table::new();
pub(super) static WINDOWS: Table = Table::new();
pub(super) static DEVICES: Table = Table::new();
pub(super) static STACKS: [Table; STACK_TABLES] = [const { Table::new() }; STACK_TABLES];

/// A second root whose lower half maps the trampoline one to one, for processors that are still on their way.
static TRAMPOLINE_ROOT: Table = Table::new();
static TRAMPOLINE_TABLES: [Table; 3] = [const { Table::new() }; 3];

/// PAT: 0 write-back, 1 write-combining, 2 uncached (weak), 3 uncached; then the same again.
const PAT: u64 = 0x0007_0106_0007_0106;

/// Where a table of the image lies in physical memory.
pub(super) fn physical(table: &'static Table) -> u64 {
    let (start, _) = boot::image_symbols();
    table as *const Table as u64 - start + boot::info().kernel_start
}

/// Builds the kernel's own tables and moves the boot processor onto them.
pub(crate) fn take_over() {
    map_image();
    ROOT.set(511, physical(&TOP_POINTERS) | LINK);
    TOP_POINTERS.set(510, physical(&IMAGE_DIRECTORY) | LINK);
    TOP_POINTERS.set(511, physical(&DEVICE_DIRECTORY) | LINK);
    DEVICE_DIRECTORY.set(index(WINDOW_BASE, 2), physical(&WINDOWS) | LINK);
    DEVICE_DIRECTORY.set(index(DEVICE_BASE, 2), physical(&DEVICES) | LINK);
    for (slot, stacks) in (index(STACK_BASE, 2)..).zip(&STACKS) {
        DEVICE_DIRECTORY.set(slot, physical(stacks) | LINK);
    }
    enter();
}

/// Moves the calling processor onto the kernel's tables.
pub(crate) fn enter() {
    // SAFETY: every 64-bit processor has PAT; no mapping uses the entries that change.
    unsafe { msr::write(msr::PAT, PAT) };
    // SAFETY: the tables map the image where it runs, with the permissions that its parts need.
    unsafe { control::write_cr3(root().raw()) };
}

/// Runs with the table at `to` from now on. A load of CR3 forgets the translations of the lower half.
#[inline]
pub(crate) fn activate(to: Hpa, flush: bool) {
    let loaded = &local().root;
    if flush || loaded.get() != to.raw() {
        loaded.set(to.raw());
        // SAFETY: `kernel_core` only passes tables that share the kernel's half.
        unsafe { control::write_cr3(to.raw()) };
    }
}

/// The root that maps the kernel and nothing else.
pub(crate) fn root() -> Hpa {
    Hpa::new(physical(&ROOT))
}

fn map_image() {
    let (start, parts) = boot::image_symbols();
    let image = boot::info().kernel_start;
    assert!(boot::image_bytes() <= IMAGE_TABLES as u64 * 0x20_0000, "the image outgrew its tables");
    for (slot, image_table) in (index(start, 2)..).zip(&IMAGE) {
        IMAGE_DIRECTORY.set(slot, physical(image_table) | LINK);
    }
    let mut address = start;
    for (end, kind) in parts {
        while address < end {
            let page = ((address - start) / PAGE_BYTES) as usize;
            if let Some(image_table) = IMAGE.get(page / table::ENTRIES) {
                image_table.set(page % table::ENTRIES, (address - start + image) | kind);
            }
            address += PAGE_BYTES;
        }
    }
}

/// Fills in the upper half of a new process' root, a kernel frame.
pub(crate) fn share_kernel_half(to: Hpa) {
    for slot in table::ENTRIES / 2..table::ENTRIES {
        let entry = ROOT.get(slot);
        if entry != 0 {
            direct::write_entry(to, slot, entry);
        }
    }
}

/// Adds an entry to the upper half. Only before the first process is made.
pub(super) fn set_root_entry(slot: usize, entry: u64) {
    ROOT.set(slot, entry);
}

/// Entry `slot` of the root.
pub(super) fn root_entry(slot: usize) -> u64 {
    ROOT.get(slot)
}

/// The root for the trampoline page at `page`: that page one to one (code and data: only processors that are on their way use
/// this root), and the kernel.
pub(crate) fn trampoline_root(page: u64) -> u64 {
    for slot in table::ENTRIES / 2..table::ENTRIES {
        TRAMPOLINE_ROOT.set(slot, ROOT.get(slot));
    }
    let [pointers, directory, pages] = &TRAMPOLINE_TABLES;
    TRAMPOLINE_ROOT.set(0, physical(pointers) | LINK);
    pointers.set(0, physical(directory) | LINK);
    directory.set(0, physical(pages) | LINK);
    pages.set(index(page, 1), page | table::PRESENT | table::WRITABLE | table::ACCESSED);
    physical(&TRAMPOLINE_ROOT)
}
