//! What a PVH loader leaves (Xen, "x86/HVM direct boot ABI", `hvm_start_info`).

use super::regions;
use crate::physical::Physical;
use abi::{BootInfo, MemoryKind};

/// "xEn3" with the top bit of the E set.
const START_MAGIC: u32 = 0x336e_c578;
/// Memory map entries that are looked at.
const ENTRIES_MAX: u64 = 256;

/// Fills in what `hvm_start_info` at `address` says; `false` if there is none.
pub fn read(memory: &impl Physical, address: u64, info: &mut BootInfo) -> bool {
    if memory.read_u32(address) != Some(START_MAGIC) {
        return false;
    }
    let word = |offset: u64| memory.read_u32(address.wrapping_add(offset)).unwrap_or(0);
    let long = |offset: u64| memory.read_u64(address.wrapping_add(offset)).unwrap_or(0);
    if word(12) > 0 {
        let module = long(16);
        info.bundle_start = memory.read_u64(module).unwrap_or(0);
        info.bundle_bytes = memory.read_u64(module.wrapping_add(8)).unwrap_or(0);
    }
    info.rsdp = long(32);
    // The memory map came with version 1.
    if word(4) >= 1 {
        read_map(memory, long(40), u64::from(word(48)), info);
    }
    true
}

fn read_map(memory: &impl Physical, start: u64, count: u64, info: &mut BootInfo) {
    for index in 0..count.min(ENTRIES_MAX) {
        let entry = start.wrapping_add(index * 24);
        let mut bytes = [0; 24];
        if !memory.read(entry, &mut bytes) {
            return;
        }
        let field = |offset| crate::physical::field_u64(&bytes, offset).unwrap_or(0);
        let kind = kind_of(crate::physical::field_u32(&bytes, 16).unwrap_or(0));
        regions::push(info, field(0), field(8), kind);
    }
}

/// The E820 types (ACPI 6.5, 15): 1 RAM, 3 ACPI tables, everything else reserved.
pub(super) fn kind_of(raw: u32) -> MemoryKind {
    match raw {
        1 => MemoryKind::Usable,
        3 => MemoryKind::AcpiReclaimable,
        _ => MemoryKind::Reserved,
    }
}
