//! `struct hvm_start_info` (Xen, xen/include/public/arch-x86/hvm/start_info.h).

use crate::{layout, source::put};
use alloc::vec::Vec;
use base_units::Gpa;
use vmm_machine::MemoryMap;

const MAGIC: u32 = 0x336E_C578;
const VERSION: u32 = 1;
/// Bytes of the structure, of a module and of a line of the memory map.
const INFO_BYTES: usize = 56;
const MODULE_BYTES: usize = 32;
const MAP_ENTRY_BYTES: usize = 24;
/// Places of the module list and of the memory map, from the structure's start.
const MODULES: usize = 0x40;
const MAP: usize = 0x80;

/// What goes into the structure.
pub(super) struct Facts<'a> {
    /// Where the initrd is, and its bytes.
    pub(super) initrd: Option<(Gpa, u64)>,
    /// The machine's memory.
    pub(super) memory: &'a MemoryMap,
    /// The ACPI root pointer.
    pub(super) root_pointer: Gpa,
}

/// Builds the structure with all that it points to, for [`layout::PVH_START_INFO`].
pub(super) fn build(facts: &Facts<'_>) -> Vec<u8> {
    const { assert!(INFO_BYTES <= MODULES && MODULES + MODULE_BYTES <= MAP) };
    let map = facts.memory.firmware_map();
    let mut area = alloc::vec![0; MAP + map.len() * MAP_ENTRY_BYTES];
    let at = |offset: usize| (layout::PVH_START_INFO.raw() + offset as u64).to_le_bytes();
    put(&mut area, 0, &MAGIC.to_le_bytes());
    put(&mut area, 4, &VERSION.to_le_bytes());
    put(&mut area, 24, &layout::COMMAND_LINE.raw().to_le_bytes());
    put(&mut area, 32, &facts.root_pointer.raw().to_le_bytes());
    put(&mut area, 40, &at(MAP));
    put(&mut area, 48, &(map.len() as u32).to_le_bytes());
    if let Some((start, bytes)) = facts.initrd {
        put(&mut area, 12, &1u32.to_le_bytes());
        put(&mut area, 16, &at(MODULES));
        put(&mut area, MODULES, &start.raw().to_le_bytes());
        put(&mut area, MODULES + 8, &bytes.to_le_bytes());
    }
    for (index, range) in map.iter().enumerate() {
        let entry = MAP + index * MAP_ENTRY_BYTES;
        put(&mut area, entry, &range.start.raw().to_le_bytes());
        put(&mut area, entry + 8, &range.bytes.to_le_bytes());
        put(&mut area, entry + 16, &(range.kind as u32).to_le_bytes());
    }
    area
}
