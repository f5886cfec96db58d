//! What the frame allocator starts from.

use base_units::{Hpa, PAGE_BYTES, PAGE_SHIFT};
use core::sync::atomic::AtomicU32;

/// A range of physical memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PhysicalRange {
    /// First byte.
    pub start: Hpa,
    /// Bytes.
    pub bytes: u64,
}

/// A range of physical memory that belongs to a NUMA node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeRange {
    /// The range.
    pub range: PhysicalRange,
    /// Its node, numbered from 0 in the order of the firmware's proximity domains.
    pub node: usize,
}

/// What the frame allocator starts from.
pub struct FramesSetup<'a> {
    /// Zeroed RAM of [`super::Frames::table_words`] words. Itself in `kernel`.
    pub table: &'static [AtomicU32],
    /// RAM, without overlaps.
    pub usable: &'a [PhysicalRange],
    /// What ring 0 has taken of it already: its image, the table, early page tables.
    pub kernel: &'a [PhysicalRange],
    /// What nobody may take: the boot bundle, low memory.
    pub reserved: &'a [PhysicalRange],
    /// NUMA nodes; RAM that none of them names belongs to node 0.
    pub nodes: &'a [NodeRange],
}

/// Whole frames, as numbers: `start` up to but not including `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl PhysicalRange {
    fn end(self) -> u64 {
        self.start.raw().saturating_add(self.bytes)
    }

    /// The frames that lie in the range as a whole.
    pub(super) fn inner(self) -> Run {
        let start = self.start.raw().div_ceil(PAGE_BYTES);
        Run { start, end: (self.end() >> PAGE_SHIFT).max(start) }
    }

    /// The frames that the range touches.
    fn outer(self) -> Run {
        Run { start: self.start.raw() >> PAGE_SHIFT, end: self.end().div_ceil(PAGE_BYTES) }
    }
}

impl FramesSetup<'_> {
    /// Calls `found` with each piece of free RAM below `limit` and its node. Pieces do not overlap.
    pub(super) fn for_each_free(&self, limit: u64, mut found: impl FnMut(Run, usize)) {
        for usable in self.usable {
            let run = usable.inner();
            let mut at = run.start;
            let end = run.end.min(limit);
            while at < end {
                let stop = self.next_border(at, end);
                if !self.is_taken(at) {
                    found(Run { start: at, end: stop }, self.node_of(at));
                }
                at = stop;
            }
        }
    }

    /// Pages of `usable` below `limit`, taken or not.
    pub(super) fn total_pages(&self, limit: u64) -> u64 {
        self.usable.iter().map(|range| pages_below(range.inner(), limit)).sum()
    }

    /// Pages of `kernel` that lie in `usable`.
    pub(super) fn kernel_pages(&self, limit: u64) -> u64 {
        let overlap =
            |a: Run, b: Run| pages_below(Run { start: a.start.max(b.start), end: a.end.min(b.end) }, limit);
        let taken = |range: &PhysicalRange| -> u64 {
            self.usable.iter().map(|usable| overlap(usable.inner(), range.outer())).sum()
        };
        self.kernel.iter().map(taken).sum()
    }

    fn taken(&self) -> impl Iterator<Item = Run> {
        self.kernel.iter().chain(self.reserved).map(|range| range.outer())
    }

    fn is_taken(&self, frame: u64) -> bool {
        self.taken().any(|run| (run.start..run.end).contains(&frame))
    }

    fn node_of(&self, frame: u64) -> usize {
        let holds = |node: &&NodeRange| {
            let run = node.range.inner();
            (run.start..run.end).contains(&frame)
        };
        self.nodes.iter().find(holds).map_or(0, |node| node.node)
    }

    /// The first frame after `at` where something begins or ends.
    fn next_border(&self, at: u64, end: u64) -> u64 {
        let nodes = self.nodes.iter().map(|node| node.range.inner());
        let borders = self.taken().chain(nodes).flat_map(|run| [run.start, run.end]);
        borders.filter(|border| *border > at).fold(end, u64::min)
    }
}

fn pages_below(run: Run, limit: u64) -> u64 {
    run.end.min(limit).saturating_sub(run.start)
}
