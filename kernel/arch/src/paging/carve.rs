//! RAM for what has to be there before the frame allocator is.

use super::zero_pages;
use base_units::{Hpa, PAGE_BYTES, PageCount};

/// A stretch of RAM that is handed out from its start.
pub(crate) struct Carve {
    next: u64,
    end: u64,
}

impl Carve {
    /// Hands out `start..end`, which nobody else uses.
    pub(crate) const fn new(start: Hpa, end: Hpa) -> Self {
        Self { next: start.raw(), end: end.raw() }
    }

    /// Takes `pages` pages, filled with zeros.
    ///
    /// # Panics
    /// When it is used up: it was measured wrongly.
    pub(crate) fn take_zeroed(&mut self, pages: u64) -> Hpa {
        let start = Hpa::new(self.next);
        let bytes = PageCount::new(pages).checked_bytes().unwrap_or(u64::MAX);
        assert!(bytes <= self.end - self.next, "the boot carve is too small");
        self.next += bytes;
        zero_pages(start, pages);
        start
    }

    /// What is left: start and end.
    pub(crate) fn rest(&self) -> (Hpa, Hpa) {
        (Hpa::new(self.next), Hpa::new(self.end & !(PAGE_BYTES - 1)))
    }
}
