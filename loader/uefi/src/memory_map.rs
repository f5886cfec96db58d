//! The firmware's memory map in the kernel's words.

use abi::{BootInfo, MemoryKind, MemoryRegion};
use uefi::boot::MemoryType;
use uefi::mem::memory_map::{MemoryMap, MemoryMapOwned};

/// Fills in the regions. Neighbours of one kind are joined, because firmware lists hundreds of pieces.
pub(crate) fn fill(info: &mut BootInfo, map: &mut MemoryMapOwned) {
    use uefi::mem::memory_map::MemoryMapMut;
    map.sort();
    for descriptor in map.entries() {
        let bytes = descriptor.page_count.saturating_mul(4096);
        push(info, descriptor.phys_start, bytes, kind_of(descriptor.ty));
    }
}

/// What the firmware needs no longer is free: boot services are over.
fn kind_of(firmware: MemoryType) -> MemoryKind {
    match firmware {
        MemoryType::CONVENTIONAL
        | MemoryType::LOADER_CODE
        | MemoryType::LOADER_DATA
        | MemoryType::BOOT_SERVICES_CODE
        | MemoryType::BOOT_SERVICES_DATA => MemoryKind::Usable,
        MemoryType::ACPI_RECLAIM => MemoryKind::AcpiReclaimable,
        _ => MemoryKind::Reserved,
    }
}

fn push(info: &mut BootInfo, start: u64, bytes: u64, kind: MemoryKind) {
    let count = info.region_count as usize;
    if let Some(last) = count.checked_sub(1).and_then(|index| info.regions.get_mut(index))
        && last.kind == kind
        && last.start.checked_add(last.bytes) == Some(start)
    {
        last.bytes = last.bytes.saturating_add(bytes);
        return;
    }
    if let Some(slot) = info.regions.get_mut(count) {
        *slot = MemoryRegion { start, bytes, kind, reserved: 0 };
        info.region_count += 1;
    }
}
