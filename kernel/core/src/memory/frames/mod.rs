//! Physical frames.
//!
//! RAM is of two kinds. *Object* frames hold the pages of memory objects; ring 0 does not map them. *Kernel*
//! frames come from 2 MiB blocks that the machine maps for ring 0, one block at a time, for good. A few blocks are
//! set aside at the start, so that ring 0 can still grow when memory objects have eaten everything else.
//!
//! One zone for each NUMA node and one for ring 0, each a buddy allocator under its own lock; single object
//! frames pass through a small cache for each processor. All that is known about frames lies in one
//! relocatable table. No operation takes more than a few hundred steps for each 2 MiB that it moves.

mod cache;
mod kernel_frame;
mod object_frames;
mod records;
mod setup;
#[cfg(test)]
mod tests;
mod zone;

pub use kernel_frame::KernelFrame;
pub use setup::{FramesSetup, NodeRange, PhysicalRange};

use super::residency::Presence;
use crate::lock::Lock;
use crate::machine::{CPUS_MAX, Machine};
use base_units::{Hpa, PAGE_SHIFT, PageCount, PageSize};
use cache::Cache;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use records::{NO_FRAME, RECORD_WORDS, Records, Tag, is, pack};
use zone::{ORDER_MAX, Zone, frame_number};

/// NUMA nodes that are told apart; RAM of further ones counts to the last.
pub const NODES_MAX: usize = 8;
/// Pages that [`Frames::allocate_kernel_block`] gives at the most.
pub const KERNEL_BLOCK_PAGES_MAX: u64 = 512;

/// The zone of ring 0.
const KERNEL_ZONE: u32 = NODES_MAX as u32;
/// Order of a kernel block.
const BLOCK_ORDER: u32 = PageSize::Large.order();
/// One in so many 2 MiB blocks is set aside for ring 0, within the two bounds below.
const RESERVE_FRACTION: u64 = 32;
const RESERVE_BLOCKS_MIN: u64 = 2;
const RESERVE_BLOCKS_MAX: usize = 32;

/// Figures of the frame allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// All RAM.
    pub total: PageCount,
    /// Free for anybody (what is set aside for ring 0 included).
    pub free: PageCount,
    /// Ring 0's.
    pub kernel: PageCount,
    /// In memory objects.
    pub object: PageCount,
}

/// The frame allocator.
pub struct Frames<M> {
    records: Records,
    total_pages: u64,
    /// Neither the allocator's nor ring 0's.
    reserved_pages: u64,
    /// Node of each processor.
    cpu_nodes: [AtomicU8; CPUS_MAX],

    zones: [Lock<Zone>; NODES_MAX],
    caches: [Lock<Cache>; CPUS_MAX],
    kernel: Lock<KernelPool>,
    /// Pages of `kernel` blocks and of what ring 0 had at the start.
    kernel_pages: AtomicU64,
    /// Which processor may still reach which frames.
    presence: [Presence; CPUS_MAX],
    _machine: PhantomData<fn() -> M>,
}

/// Ring 0's blocks.
struct KernelPool {
    zone: Zone,
    /// Blocks that are set aside, not yet mapped.
    reserve: [u32; RESERVE_BLOCKS_MAX],
    reserve_count: usize,
}

impl<M: Machine> Frames<M> {
    /// Words of [`FramesSetup::table`] for a machine whose frames are numbered below `frames`.
    pub const fn table_words(frames: u64) -> u64 {
        frames * RECORD_WORDS as u64
    }

    /// The allocator of a machine. RAM beyond the table is left alone.
    pub fn new(setup: &FramesSetup<'_>) -> Self {
        let records = Records::new(setup.table);
        // The last number marks the end of lists.
        let limit = records.len().min(u64::from(NO_FRAME));
        let mut zones: [Zone; NODES_MAX] = core::array::from_fn(|node| Zone::new(node as u32, ORDER_MAX));
        let mut free_pages = 0;
        setup.for_each_free(limit, |run, node| {
            free_pages += run.end - run.start;
            zones[node.min(NODES_MAX - 1)].free_run(records, run.start, run.end - run.start);
        });
        let kernel = KernelPool::new(records, &mut zones, free_pages);
        let total_pages = setup.total_pages(limit);
        let kernel_pages = setup.kernel_pages(limit);
        Self {
            records,
            total_pages,
            reserved_pages: total_pages.saturating_sub(free_pages + kernel_pages),
            cpu_nodes: [const { AtomicU8::new(0) }; CPUS_MAX],
            zones: zones.map(Lock::new),
            caches: [const { Lock::new(Cache::new()) }; CPUS_MAX],
            kernel: Lock::new(kernel),
            kernel_pages: AtomicU64::new(kernel_pages),
            presence: [const { Presence::new() }; CPUS_MAX],
            _machine: PhantomData,
        }
    }

    /// Says which node a processor belongs to; its allocations are served from there first.
    pub fn set_cpu_node(&self, cpu: usize, node: usize) {
        if let Some(slot) = self.cpu_nodes.get(cpu) {
            slot.store(node.min(NODES_MAX - 1) as u8, Relaxed);
        }
    }

    /// The figures. They are taken one after the other, so they may be a little off while others allocate.
    pub fn counts(&self) -> FrameCounts {
        let zones: u64 = self.zones.iter().map(|zone| zone.lock().free_pages()).sum();
        let cached: u64 = self.caches.iter().map(|cache| u64::from(cache.lock().len())).sum();
        let reserve = (self.kernel.lock().reserve_count as u64) << BLOCK_ORDER;
        let free = zones + cached + reserve;
        let kernel = self.kernel_pages.load(Relaxed);
        FrameCounts {
            total: PageCount::new(self.total_pages),
            free: PageCount::new(free),
            kernel: PageCount::new(kernel),
            object: PageCount::new(self.total_pages.saturating_sub(free + kernel + self.reserved_pages)),
        }
    }

    /// A zeroed frame for ring 0.
    pub fn allocate_kernel(&self) -> Option<KernelFrame<M>> {
        let frame = self.take_kernel(0)?;
        self.records.set_word(frame, pack(Tag::Kernel, KERNEL_ZONE, 0));
        let address = address_of(frame);
        M::zero_pages(address, 1);
        Some(KernelFrame::new(address))
    }

    /// `pages` (1 to [`KERNEL_BLOCK_PAGES_MAX`]) contiguous frames for ring 0, with whatever was in them.
    pub fn allocate_kernel_block(&self, pages: PageCount) -> Option<Hpa> {
        let pages = pages.raw();
        if pages == 0 || pages > KERNEL_BLOCK_PAGES_MAX {
            return None;
        }
        let order = pages.next_power_of_two().ilog2();
        let first = self.take_kernel(order)?;
        for frame in (first..).take(pages as usize) {
            self.records.set_word(frame, pack(Tag::Kernel, KERNEL_ZONE, 0));
        }
        let rest = (1 << order) - pages;
        self.kernel.lock().zone.free_run(self.records, u64::from(first) + pages, rest);
        Some(address_of(first))
    }

    /// Takes back what [`Frames::allocate_kernel_block`] gave, as a whole or a part of it.
    pub fn free_kernel_block(&self, address: Hpa, pages: PageCount) {
        let mut pool = self.kernel.lock();
        for frame in (number_of(address)..).take(pages.raw() as usize) {
            self.check_kernel(frame);
            pool.zone.free(self.records, frame, 0);
        }
    }

    /// Frees one frame of ring 0's.
    fn free_kernel_frame(&self, address: Hpa) {
        let frame = number_of(address);
        self.check_kernel(frame);
        self.kernel.lock().zone.free(self.records, frame, 0);
    }

    fn check_kernel(&self, frame: u32) {
        assert!(is(self.records.word(frame), Tag::Kernel), "a frame of ring 0 is freed twice");
        self.records.forget(frame);
    }

    fn take_kernel(&self, order: u32) -> Option<u32> {
        let mut pool = self.kernel.lock();
        if let Some(frame) = pool.zone.allocate(self.records, order) {
            return Some(frame);
        }
        let block = self.take_block().or_else(|| pool.take_reserve())?;
        M::map_kernel_block(address_of(block));
        self.kernel_pages.fetch_add(1 << BLOCK_ORDER, Relaxed);
        pool.zone.free(self.records, block, BLOCK_ORDER);
        pool.zone.allocate(self.records, order)
    }

    /// A 2 MiB block from any node.
    fn take_block(&self) -> Option<u32> {
        self.zones.iter().find_map(|zone| zone.lock().allocate(self.records, BLOCK_ORDER))
    }

    /// The slots that say which processor is in which space.
    pub(in crate::memory) fn presence(&self) -> &[Presence; CPUS_MAX] {
        &self.presence
    }
}

impl KernelPool {
    /// An empty pool with its blocks set aside.
    fn new(records: Records, zones: &mut [Zone; NODES_MAX], free_pages: u64) -> Self {
        let mut pool = Self {
            zone: Zone::new(KERNEL_ZONE, BLOCK_ORDER),
            reserve: [NO_FRAME; RESERVE_BLOCKS_MAX],
            reserve_count: 0,
        };
        let wanted = ((free_pages >> BLOCK_ORDER) / RESERVE_FRACTION).max(RESERVE_BLOCKS_MIN);
        for slot in pool.reserve.iter_mut().take(wanted as usize) {
            let block = zones.iter_mut().find_map(|zone| zone.allocate(records, BLOCK_ORDER));
            let Some(block) = block else { break };
            *slot = block;
            pool.reserve_count += 1;
        }
        pool
    }

    fn take_reserve(&mut self) -> Option<u32> {
        self.reserve_count = self.reserve_count.checked_sub(1)?;
        self.reserve.get(self.reserve_count).copied()
    }
}

fn address_of(frame: u32) -> Hpa {
    Hpa::new(u64::from(frame) << PAGE_SHIFT)
}

fn number_of(address: Hpa) -> u32 {
    frame_number(address.raw() >> PAGE_SHIFT)
}
