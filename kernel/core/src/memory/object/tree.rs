//! The pages of a memory object: a radix tree of kernel frames with 512 slots each.
//!
//! Empty parts have no nodes, so an object of terabytes costs nothing until it is touched.

use super::slot::Slot;
use crate::group::Group;
use crate::machine::Machine;
use crate::memory::frames::KernelFrame;
use abi::Error;
use alloc::sync::Arc;
use base_units::{Hpa, PAGE_BYTES};
use core::marker::PhantomData;
use core::ops::Range;

/// Slots of a node.
const SLOTS: usize = 512;
/// Levels of nodes at the most: 2^36 pages.
pub(super) const HEIGHT_MAX: u32 = 4;

/// A tree of slots. Leaves are the owner's business: it empties them before it drops the tree.
pub(super) struct Tree<M> {
    height: u32,
    group: Arc<Group>,
    root: Slot,
    _machine: PhantomData<fn() -> M>,
}

/// Where a slot is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The node; null for the root slot.
    node: Hpa,
    index: u32,
    /// 0 = a slot of one 4 KiB page.
    pub(super) level: u32,
}

impl<M: Machine> Tree<M> {
    /// An empty tree for `pages` pages, at most 2^36.
    pub(super) fn new(pages: u64, group: Arc<Group>) -> Self {
        let height = (0..HEIGHT_MAX).find(|height| pages <= span(*height)).unwrap_or(HEIGHT_MAX);
        Self { height, group, root: Slot::NONE, _machine: PhantomData }
    }

    /// The lowest slot that exists for `page`: never a node.
    #[inline]
    pub(super) fn find(&self, page: u64) -> (Place, Slot) {
        let mut place = Place { node: Hpa::new(0), index: 0, level: self.height };
        let mut slot = self.root;
        while slot.is_node() {
            let node = slot.address();
            let level = place.level.wrapping_sub(1);
            place = Place { node, index: index(page, level), level };
            slot = read::<M>(node, place.index as usize);
        }
        (place, slot)
    }

    #[inline]
    pub(super) fn set(&mut self, place: Place, slot: Slot) {
        if place.node == Hpa::new(0) {
            self.root = slot;
        } else {
            write::<M>(place.node, place.index as usize, slot);
        }
    }

    /// The slot of `page` on `level` or below, splitting what covers more.
    ///
    /// # Errors
    /// `NoMemory` for a node.
    pub(super) fn descend(&mut self, page: u64, level: u32) -> Result<(Place, Slot), Error> {
        let (mut place, mut slot) = self.find(page);
        while place.level > level {
            slot = self.split(slot, place.level)?;
            self.set(place, slot);
            (place, slot) = self.find(page);
        }
        Ok((place, slot))
    }

    /// Sees to it that no leaf lies on both sides of the border before `page`.
    ///
    /// # Errors
    /// `NoMemory` for a node.
    pub(super) fn split_at(&mut self, page: u64) -> Result<(), Error> {
        let (place, slot) = self.find(page);
        if !slot.is_empty() && page & (span(place.level) - 1) != 0 {
            let aligned = (0..place.level).rev().find(|level| page & (span(*level) - 1) == 0).unwrap_or(0);
            self.descend(page, aligned)?;
        }
        Ok(())
    }

    /// The first page at or after `page` below a leaf that is not empty.
    pub(super) fn next_present(&self, page: u64) -> Option<u64> {
        if page >> (9 * self.height) != 0 { None } else { Self::next_below(self.root, self.height, 0, page) }
    }

    fn next_below(slot: Slot, level: u32, base: u64, page: u64) -> Option<u64> {
        if slot.is_empty() {
            return None;
        }
        if !slot.is_node() {
            return Some(base.max(page));
        }
        let child_span = span(level - 1);
        let first = page.saturating_sub(base) / child_span;
        (first..SLOTS as u64).find_map(|index| {
            let child = read::<M>(slot.address(), index as usize);
            Self::next_below(child, level - 1, base + index * child_span, page)
        })
    }

    /// The border at or after `page` that lies in no leaf.
    pub(super) fn next_border(&self, page: u64) -> u64 {
        let (place, slot) = self.find(page);
        let mask = span(place.level) - 1;
        if slot.is_empty() || page & mask == 0 { page } else { (page | mask) + 1 }
    }

    /// Replaces each leaf of the range by what `change` makes of it. Leaves lie in the range as a whole
    /// ([`Tree::split_at`]). Nodes that become empty are freed.
    pub(super) fn visit(&mut self, range: Range<u64>, change: &mut dyn FnMut(u64, u32, Slot) -> Slot) {
        if !range.is_empty() {
            self.root = self.visit_slot(self.root, self.height, 0, &range, change);
        }
    }

    fn visit_slot(
        &self,
        slot: Slot,
        level: u32,
        base: u64,
        range: &Range<u64>,
        change: &mut dyn FnMut(u64, u32, Slot) -> Slot,
    ) -> Slot {
        if slot.is_empty() {
            return slot;
        }
        if !slot.is_node() {
            return change(base, level, slot);
        }
        let (node, child_span) = (slot.address(), span(level - 1));
        let first = range.start.saturating_sub(base) / child_span;
        let last = (range.end - 1).saturating_sub(base) / child_span;
        let mut has_emptied = false;
        for index in first as usize..=(last as usize).min(SLOTS - 1) {
            let old = read::<M>(node, index);
            let new = self.visit_slot(old, level - 1, base + index as u64 * child_span, range, change);
            if new != old {
                write::<M>(node, index, new);
                has_emptied |= new.is_empty();
            }
        }
        if !has_emptied || (0..SLOTS).any(|index| !read::<M>(node, index).is_empty()) {
            return slot;
        }
        self.free_node(node);
        Slot::NONE
    }

    /// Frees the nodes of a tree that has no leaves any more: those that never got one.
    pub(super) fn prune(&mut self) {
        let root = core::mem::replace(&mut self.root, Slot::NONE);
        self.prune_slot(root, self.height);
    }

    fn prune_slot(&self, slot: Slot, level: u32) {
        if !slot.is_node() {
            assert!(slot.is_empty(), "an object lost a page");
            return;
        }
        (0..SLOTS)
            .for_each(|index| self.prune_slot(read::<M>(slot.address(), index), level.saturating_sub(1)));
        self.free_node(slot.address());
    }

    /// A node whose slots say together what `leaf` says.
    fn split(&mut self, leaf: Slot, level: u32) -> Result<Slot, Error> {
        self.group.charge_kernel(PAGE_BYTES)?;
        let Some(node) = M::frames().allocate_kernel() else {
            self.group.release_kernel(PAGE_BYTES);
            return Err(Error::NoMemory);
        };
        let node = node.into_address();
        if !leaf.is_empty() {
            (0..SLOTS).for_each(|index| write::<M>(node, index, leaf.part(index, 9 * (level - 1))));
        }
        Ok(Slot::node(node))
    }

    fn free_node(&self, node: Hpa) {
        drop(KernelFrame::<M>::adopt(node));
        self.group.release_kernel(PAGE_BYTES);
    }
}

impl<M> Drop for Tree<M> {
    fn drop(&mut self) {
        assert!(!self.root.is_present(), "a tree of pages is dropped with its pages");
    }
}

/// Pages below a slot of `level`.
pub(super) const fn span(level: u32) -> u64 {
    1 << (9 * level)
}

#[inline]
const fn index(page: u64, level: u32) -> u32 {
    // Levels are below [`HEIGHT_MAX`], so nothing wraps; this stands on the path of each first touch.
    page.wrapping_shr(level.wrapping_mul(9)) as u32 & (SLOTS as u32 - 1)
}

#[inline]
fn read<M: Machine>(node: Hpa, index: usize) -> Slot {
    Slot(M::read_entry(node, index))
}

#[inline]
fn write<M: Machine>(node: Hpa, index: usize, slot: Slot) {
    M::write_entry(node, index, slot.0);
}
