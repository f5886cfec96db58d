//! The memory map in order: sorted, without overlaps, in whole pages.
//!
//! Firmware reports maps unsorted, overlapping and with odd ends. Where two entries overlap the
//! more careful one wins: reserved over ACPI over usable.

use abi::{BootInfo, MEMORY_REGIONS_MAX, MemoryKind, MemoryRegion};
use base_units::PAGE_BYTES;

/// A region without content, to fill arrays with.
pub const NO_REGION: MemoryRegion =
    MemoryRegion { start: 0, bytes: 0, kind: MemoryKind::Reserved, reserved: 0 };

/// Appends a region as the firmware reports it; dropped where the table is full or nothing is in it.
pub fn push(info: &mut BootInfo, start: u64, bytes: u64, kind: MemoryKind) {
    let Some(end) = start.checked_add(bytes) else { return };
    // RAM counts in whole pages only; what is not ours is rounded the other way.
    let (start, end) = if kind == MemoryKind::Usable {
        (start.saturating_add(PAGE_BYTES - 1) & !(PAGE_BYTES - 1), end & !(PAGE_BYTES - 1))
    } else {
        (start & !(PAGE_BYTES - 1), end.saturating_add(PAGE_BYTES - 1) & !(PAGE_BYTES - 1))
    };
    if bytes == 0 || start >= end {
        return;
    }
    let index = info.region_count as usize;
    if let Some(slot) = info.regions.get_mut(index) {
        *slot = MemoryRegion { start, bytes: end - start, kind, reserved: 0 };
        info.region_count += 1;
    }
}

/// Sorts the map and resolves overlaps.
pub fn normalize(info: &mut BootInfo) {
    let count = (info.region_count as usize).min(MEMORY_REGIONS_MAX);
    let mut points = [0_u64; 2 * MEMORY_REGIONS_MAX];
    let raw = info.regions;
    let raw = raw.get(..count).unwrap_or(&[]);
    let mut filled = 0;
    for region in raw {
        for point in [region.start, region.start.saturating_add(region.bytes)] {
            if let Some(slot) = points.get_mut(filled) {
                *slot = point;
                filled += 1;
            }
        }
    }
    let points = points.get_mut(..filled).unwrap_or(&mut []);
    points.sort_unstable();
    info.region_count = 0;
    for pair in points.windows(2) {
        let &[start, end] = pair else { continue };
        if let Some(kind) = kind_between(raw, start, end) {
            append(info, start, end, kind);
        }
    }
}

/// What the stretch between two neighbouring points is; `None` for holes and empty stretches.
fn kind_between(raw: &[MemoryRegion], start: u64, end: u64) -> Option<MemoryKind> {
    if start >= end {
        return None;
    }
    let covers = |region: &&MemoryRegion| region.start <= start && end - region.start <= region.bytes;
    raw.iter().filter(covers).map(|region| region.kind).max_by_key(|&kind| kind as u32)
}

/// Appends a stretch, joined with the one before it where they are alike.
fn append(info: &mut BootInfo, start: u64, end: u64, kind: MemoryKind) {
    let count = info.region_count as usize;
    if let Some(last) = count.checked_sub(1).and_then(|index| info.regions.get_mut(index))
        && last.kind == kind
        && last.start + last.bytes == start
    {
        last.bytes = end - last.start;
        return;
    }
    if let Some(slot) = info.regions.get_mut(count) {
        *slot = MemoryRegion { start, bytes: end - start, kind, reserved: 0 };
        info.region_count += 1;
    }
}
