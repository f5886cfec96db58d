//! The pages of memory objects that are gone.

use super::slot::{Slot, size_of_level};
use super::tree::{Tree, span};
use crate::group::Group;
use crate::machine::Machine;
use alloc::sync::Arc;
use base_units::PageCount;
use core::ops::Range;

/// All pages that a tree can hold.
const ALL: Range<u64> = 0..1 << 36;

/// Pages that nobody can reach any more and that are still charged to their group.
pub struct Remains<M: Machine> {
    pub(super) group: Arc<Group>,
    pub(super) tree: Tree<M>,
    /// Pages below this are freed.
    pub(super) next: u64,
    pub(super) own_pages: u64,
}

impl<M: Machine> Remains<M> {
    /// Frees a bounded number of pages; whether those were the last.
    pub fn clear_some(&mut self) -> bool {
        let step = self.tree.step(&(self.next..ALL.end));
        let next = step.and_then(|(pages, next)| {
            self.free(pages);
            next
        });
        if let Some(next) = next {
            self.next = next;
            return false;
        }
        self.tree.prune();
        assert_eq!(self.own_pages, 0, "an object lost a page");
        true
    }

    fn free(&mut self, pages: Range<u64>) {
        let (group, own_pages) = (&self.group, &mut self.own_pages);
        self.tree.visit(pages, &mut |_, level, slot| {
            if slot.is_own() {
                M::frames().release_object(slot.address(), size_of_level(level));
                *own_pages -= span(level);
                group.release(PageCount::new(span(level)));
            }
            Slot::NONE
        });
    }
}

impl<M: Machine> Drop for Remains<M> {
    fn drop(&mut self) {
        while !self.clear_some() {}
    }
}
