//! RAM: what is taken before the frame allocator exists, and what the allocator gets.

use super::processor::{local_of, set_area};
use super::{FRAMES, X86};
use crate::acpi::Board;
use crate::heap;
use crate::paging::{AREA_PAGES, Carve, direct, new_area, read_memory, write_memory};
use crate::{boot, panic};
use abi::{BootInfo, MEMORY_REGIONS_MAX, MemoryKind};
use base_units::{Hpa, PAGE_BYTES, PageCount, PageSize};
use core::sync::atomic::AtomicU32;
use kernel_core::machine::CPUS_MAX;
use kernel_core::memory::{Frames, FramesSetup, NodeRange, PhysicalRange};

/// Nothing below this is used: real-mode firmware, its data areas, and the trampoline.
const LOW_END: u64 = 1 << 20;
/// NUMA ranges that are passed on.
const NODES_MAX: usize = 64;

const NO_RANGE: PhysicalRange = PhysicalRange { start: Hpa::new(0), bytes: 0 };

/// The usable regions.
fn usable(info: &BootInfo) -> impl DoubleEndedIterator<Item = (u64, u64)> {
    let regions = info.regions.get(..info.region_count as usize).unwrap_or(&[]);
    let is_usable = |region: &&abi::MemoryRegion| region.kind == MemoryKind::Usable;
    regions.iter().filter(is_usable).map(|region| (region.start, region.start + region.bytes))
}

/// A free page below 1 MiB for the trampoline, out of the way of the BIOS' data (first 32 KiB).
pub(super) fn trampoline_page() -> Option<u64> {
    let fits = |&(start, end): &(u64, u64)| start.max(0x8000) + PAGE_BYTES <= end.min(0xa_0000);
    usable(boot::info()).find(fits).map(|(start, _)| start.max(0x8000))
}

/// Takes what the processors need, and makes the frame allocator of the rest.
pub(super) fn set_up(board: &Board, cpus: usize) {
    let info = boot::info();
    let bundle_start = align_bundle(info);
    let taken = [
        (info.kernel_start, info.kernel_start + info.kernel_bytes),
        (bundle_start, bundle_start + info.bundle_bytes),
        (0, LOW_END),
    ];
    let end = usable(info).map(|(_, end)| end).max().unwrap_or(0);
    let words = Frames::<X86>::table_words(end / PAGE_BYTES);
    let table_pages = PageCount::holding(words * 4).raw();
    let stack_pages = cpus as u64 * AREA_PAGES;
    let directories =
        usable(info).map(|(start, end)| 2 + ((end - start) >> 30) + ((end - start) >> 39) + 1).sum::<u64>();
    let bytes =
        ((table_pages + stack_pages + directories) * PAGE_BYTES).next_multiple_of(PageSize::Large.bytes());
    let Some(start) = find_carve(info, &taken, bytes) else {
        panic::refuse("the memory map has no room for the kernel's own tables");
    };
    let mut carve = Carve::new(Hpa::new(start), Hpa::new(start + bytes));
    for (start, end) in usable(info) {
        direct::prepare(&mut carve, Hpa::new(start), Hpa::new(end));
    }
    for block in (start..start + bytes).step_by(PageSize::Large.bytes() as usize) {
        direct::map_block(Hpa::new(block));
    }
    for cpu in 0..cpus.min(CPUS_MAX) {
        set_area(cpu, new_area(&mut carve, cpu, local_of(cpu)));
    }
    let table = carve.take_zeroed(table_pages);
    // SAFETY: zeroed, mapped for good, aligned, and nobody else's.
    let table =
        unsafe { core::slice::from_raw_parts(direct::address(table) as *const AtomicU32, words as usize) };
    let (rest_start, rest_end) = carve.rest();
    make_frames(info, board, table, &taken, (start, start + bytes));
    heap::add(direct::address(rest_start), direct::address(rest_end));
}

fn make_frames(
    info: &BootInfo,
    board: &Board,
    table: &'static [AtomicU32],
    taken: &[(u64, u64); 3],
    carve: (u64, u64),
) {
    let range = |(start, end): (u64, u64)| PhysicalRange { start: Hpa::new(start), bytes: end - start };
    let mut ranges = [NO_RANGE; MEMORY_REGIONS_MAX];
    let mut count = 0;
    for (slot, region) in ranges.iter_mut().zip(usable(info)) {
        *slot = range(region);
        count += 1;
    }
    let mut nodes = [NodeRange { range: NO_RANGE, node: 0 }; NODES_MAX];
    let node_count = find_nodes(board, &mut nodes);
    let [image, bundle, low] = taken.map(range);
    let frames = Frames::new(&FramesSetup {
        table,
        usable: ranges.get(..count).unwrap_or(&[]),
        kernel: &[image, range(carve)],
        reserved: &[bundle, low],
        nodes: nodes.get(..node_count).unwrap_or(&[]),
    });
    FRAMES.call_once(|| frames);
}

/// The memory of each NUMA node, numbered in the order of their domains.
fn find_nodes(board: &Board, nodes: &mut [NodeRange; NODES_MAX]) -> usize {
    let Some(srat) = &board.srat else { return 0 };
    let memory = srat.memory.as_slice();
    let mut count = 0;
    for (slot, part) in nodes.iter_mut().zip(memory) {
        let range = PhysicalRange { start: Hpa::new(part.start), bytes: part.bytes };
        *slot = NodeRange { range, node: node_of(board, part.domain) };
        count += 1;
    }
    count
}

/// The number of a proximity domain: how many lower ones have memory.
pub(super) fn node_of(board: &Board, domain: u32) -> usize {
    let Some(srat) = &board.srat else { return 0 };
    let memory = srat.memory.as_slice();
    let is_first = |index: usize, domain: u32| !memory.iter().take(index).any(|part| part.domain == domain);
    memory
        .iter()
        .enumerate()
        .filter(|(index, part)| part.domain < domain && is_first(*index, part.domain))
        .count()
}

/// The highest stretch of `bytes` bytes (whole large pages) below 4 GiB that nobody has taken; if there is none, the highest
/// anywhere.
fn find_carve(info: &BootInfo, taken: &[(u64, u64)], bytes: u64) -> Option<u64> {
    let below = |limit: u64| {
        usable(info).rev().find_map(|(start, end)| highest_free(start, end.min(limit), taken, bytes))
    };
    below(4 << 30).or_else(|| below(u64::MAX))
}

fn highest_free(start: u64, end: u64, taken: &[(u64, u64)], bytes: u64) -> Option<u64> {
    let large = PageSize::Large.bytes();
    let mut at = (end & !(large - 1)).checked_sub(bytes)?;
    while at >= start {
        match taken.iter().find(|(other, other_end)| *other < at + bytes && *other_end > at) {
            None => return Some(at),
            Some((other, _)) => at = (other & !(large - 1)).checked_sub(bytes)?,
        }
    }
    None
}

/// Where the bundle starts, on a page of its own: a loader that does not keep to pages has it moved up, by less
/// than a page.
fn align_bundle(info: &BootInfo) -> u64 {
    let start = info.bundle_start;
    let aligned = start.next_multiple_of(PAGE_BYTES);
    if start == aligned {
        return start;
    }
    let end = (aligned + info.bundle_bytes).next_multiple_of(PAGE_BYTES);
    let is_ram = usable(info).any(|(region, region_end)| region <= aligned && end <= region_end);
    let hits_image = info.kernel_start < end && info.kernel_start + info.kernel_bytes > aligned;
    if !is_ram || hits_image {
        panic::refuse("the boot bundle does not start on a page and cannot be moved; load it 4 KiB aligned");
    }
    // From the end on, because the two overlap: a page, then its lower neighbour.
    let mut page = end;
    while page > aligned {
        page -= PAGE_BYTES;
        shift_page(page, page - (aligned - start));
    }
    aligned
}

/// Copies the page's worth of bytes at `from`, which crosses a page, to `to`.
fn shift_page(to: u64, from: u64) {
    let mut bytes = [0; PAGE_BYTES as usize];
    let first = (PAGE_BYTES - from % PAGE_BYTES) as usize;
    let (low, high) = bytes.split_at_mut(first);
    read_memory(Hpa::new(from), low);
    read_memory(Hpa::new(from + first as u64), high);
    write_memory(Hpa::new(to), &bytes);
}

/// Where the bundle lies after [`set_up`].
pub(super) fn bundle_start() -> u64 {
    boot::info().bundle_start.next_multiple_of(PAGE_BYTES)
}
