//! What takes time for each page is done in steps, between which interrupts are let in.

use super::tree::Tree;
use crate::machine::Machine;
use core::ops::Range;

/// Pages that one step makes, shares or gives back at the most, or a single page that is larger.
pub const STEP_PAGES: u64 = 1024;

/// Pages that one step reports as written or not at the most, besides the rest of a page that is larger: to look at a page costs
/// less than to make one.
pub const DIRTY_STEP_PAGES: u64 = 16 * STEP_PAGES;

/// How far a step has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// Pages that changed.
    pub count: u64,
    /// The page at which the next step begins; `None`: it was the last one.
    pub next: Option<u64>,
}

impl<M: Machine> Tree<M> {
    /// The part of `pages` that one step handles, and where the next one begins; `None` if nothing is there. Empty parts cost
    /// nothing, and no leaf is cut but by the range itself.
    pub(super) fn step(&self, pages: &Range<u64>) -> Option<(Range<u64>, Option<u64>)> {
        let start = self.next_present(pages.start).filter(|start| *start < pages.end)?;
        let wanted = start.saturating_add(STEP_PAGES);
        if self.next_present(wanted).is_none_or(|next| next >= pages.end) {
            return Some((start..pages.end, None));
        }
        let end = self.next_border(wanted).min(pages.end);
        Some((start..end, (end < pages.end).then_some(end)))
    }
}
