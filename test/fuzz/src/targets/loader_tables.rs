//! What multiboot2 and PVH loaders leave, and the memory map made of it.

use crate::Input;
use abi::{BootInfo, MEMORY_REGIONS_MAX, MemoryKind, MemoryRegion};
use base_units::PAGE_BYTES;
use kernel_arch::{
    boot::{empty_info, multiboot2, pvh, regions},
    physical::Physical,
};

/// Where the loader's structure lies.
pub const START: u64 = 0x1_0000;

/// Memory that holds nothing but the loader's structures.
struct LoaderMemory<'a>(&'a [u8]);

/// Reads the bytes behind the first one as a loader's structure: of PVH if the first byte is odd.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let is_pvh = input.u8() & 1 != 0;
    let memory = LoaderMemory(input.rest());
    let mut info = empty_info();
    let is_read = if is_pvh {
        pvh::read(&memory, START, &mut info)
    } else {
        multiboot2::read(&memory, START, &mut info)
    };
    if !is_read {
        return;
    }
    let reported = info;
    regions::normalize(&mut info);
    check_map(filled(&reported), filled(&info));
}

fn filled(info: &BootInfo) -> &[MemoryRegion] {
    let count = info.region_count as usize;
    assert!(count <= MEMORY_REGIONS_MAX, "more regions than there is room for");
    &info.regions[..count]
}

/// The map is sorted, in whole pages, without overlaps, and calls nothing usable that the loader kept for itself.
fn check_map(reported: &[MemoryRegion], map: &[MemoryRegion]) {
    let mut free_from = 0;
    for region in map {
        let Some(end) = region.start.checked_add(region.bytes) else { panic!("a region wraps") };
        assert!(region.start >= free_from && region.bytes > 0, "regions overlap");
        assert!(region.start.is_multiple_of(PAGE_BYTES) && region.bytes.is_multiple_of(PAGE_BYTES));
        free_from = end;
    }
    for usable in map.iter().filter(|region| region.kind == MemoryKind::Usable) {
        let kept = reported.iter().filter(|region| region.kind != MemoryKind::Usable);
        assert!(kept.into_iter().all(|region| !overlap(usable, region)), "reserved memory became usable");
        assert!(reported.iter().any(|region| overlap(usable, region)), "memory out of nothing");
    }
}

fn overlap(left: &MemoryRegion, right: &MemoryRegion) -> bool {
    left.start < right.start.saturating_add(right.bytes)
        && right.start < left.start.saturating_add(left.bytes)
}

impl Physical for LoaderMemory<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        let first = address.checked_sub(START).and_then(|first| usize::try_from(first).ok());
        let range = first.and_then(|first| Some(first..first.checked_add(buffer.len())?));
        match range.and_then(|range| self.0.get(range)) {
            Some(bytes) => buffer.copy_from_slice(bytes),
            None => return false,
        }
        true
    }
}
