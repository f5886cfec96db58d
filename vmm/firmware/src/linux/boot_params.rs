//! `struct boot_params`, "the zero page" (Linux, arch/x86/include/uapi/asm/bootparam.h).

use super::setup_header::{HEADER_START, SetupHeader};
use crate::{layout, source::put};
use alloc::vec::Vec;
use base_units::{Gpa, PAGE_BYTES};
use vmm_machine::MemoryMap;

const ACPI_ROOT_POINTER: usize = 0x070;
const ALTERNATIVE_MEMORY_KIB: usize = 0x1E0;
const MAP_ENTRIES: usize = 0x1E8;
const VIDEO_MODE: usize = 0x1FA;
const LOADER_TYPE: usize = 0x210;
const CODE32_START: usize = 0x214;
const INITRD_ADDRESS: usize = 0x218;
const INITRD_SIZE: usize = 0x21C;
const COMMAND_LINE_ADDRESS: usize = 0x228;
const SETUP_DATA: usize = 0x250;
const MAP: usize = 0x2D0;

/// "Undefined": no number is assigned to us.
const LOADER_UNDEFINED: u8 = 0xFF;
/// "Normal": the text mode that is there.
const VIDEO_MODE_NORMAL: u16 = 0xFFFF;
const MAP_ENTRY_BYTES: usize = 20;
/// Entries of the memory map that the page has room for.
const MAP_ENTRIES_MAX: usize = 128;

/// What goes into the page.
pub(super) struct Facts<'a> {
    /// The kernel's own header.
    pub(super) header: &'a SetupHeader,
    /// Where the kernel is.
    pub(super) load: Gpa,
    /// Where the initrd is, and its bytes.
    pub(super) initrd: Option<(Gpa, u64)>,
    /// The machine's memory.
    pub(super) memory: &'a MemoryMap,
    /// The ACPI root pointer.
    pub(super) root_pointer: Gpa,
}

/// Builds the page. All addresses in it are below 4 GiB: everything is placed there.
pub(super) fn build(facts: &Facts<'_>) -> Vec<u8> {
    let mut page = alloc::vec![0; PAGE_BYTES as usize];
    put(&mut page, HEADER_START, facts.header.bytes());
    put(&mut page, ACPI_ROOT_POINTER, &facts.root_pointer.raw().to_le_bytes());
    let above_1m = facts.memory.low_end().raw().saturating_sub(layout::KERNEL_MIN.raw());
    put(&mut page, ALTERNATIVE_MEMORY_KIB, &((above_1m / 1024) as u32).to_le_bytes());
    put(&mut page, VIDEO_MODE, &VIDEO_MODE_NORMAL.to_le_bytes());
    put(&mut page, LOADER_TYPE, &[LOADER_UNDEFINED]);
    put(&mut page, CODE32_START, &(facts.load.raw() as u32).to_le_bytes());
    if let Some((start, bytes)) = facts.initrd {
        put(&mut page, INITRD_ADDRESS, &(start.raw() as u32).to_le_bytes());
        put(&mut page, INITRD_SIZE, &(bytes as u32).to_le_bytes());
    }
    put(&mut page, COMMAND_LINE_ADDRESS, &(layout::COMMAND_LINE.raw() as u32).to_le_bytes());
    // A file cannot know addresses in our memory.
    put(&mut page, SETUP_DATA, &0u64.to_le_bytes());
    put_memory_map(&mut page, facts.memory);
    page
}

fn put_memory_map(page: &mut [u8], memory: &MemoryMap) {
    let mut count = 0;
    for range in memory.firmware_map().iter().take(MAP_ENTRIES_MAX) {
        let entry = MAP + count * MAP_ENTRY_BYTES;
        put(page, entry, &range.start.raw().to_le_bytes());
        put(page, entry + 8, &range.bytes.to_le_bytes());
        put(page, entry + 16, &(range.kind as u32).to_le_bytes());
        count += 1;
    }
    put(page, MAP_ENTRIES, &[count as u8]);
}
