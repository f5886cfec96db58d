//! Where an object is mapped.

use crate::machine::Machine;
use crate::memory::space::SpaceTable;
use abi::Error;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base_units::PAGE_BYTES;
use core::ops::Range;

/// Mappings of one object at the most. Each of them is visited when pages are given back or protected.
pub const MAPPINGS_PER_OBJECT_MAX: usize = 1024;

/// A part of an object that a space maps.
pub(in crate::memory) struct View<M: Machine> {
    pub(in crate::memory) table: Arc<SpaceTable<M>>,
    /// Where in the space.
    pub(in crate::memory) address: u64,
    /// Which pages of the object.
    pub(in crate::memory) pages: Range<u64>,
}

impl<M: Machine> View<M> {
    fn is_at(&self, table: &Arc<SpaceTable<M>>, address: u64) -> bool {
        self.address == address && Arc::ptr_eq(&self.table, table)
    }

    /// The addresses at which pages of `range` are mapped.
    fn addresses(&self, range: &Range<u64>) -> Option<Range<u64>> {
        let start = range.start.max(self.pages.start);
        let end = range.end.min(self.pages.end);
        let address = |page: u64| self.address + (page - self.pages.start) * PAGE_BYTES;
        (start < end).then(|| address(start)..address(end))
    }
}

/// The mappings of an object.
pub(super) struct Views<M: Machine>(Vec<View<M>>);

impl<M: Machine> Views<M> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// # Errors
    /// `LimitReached`, `NoMemory`.
    pub(super) fn add(&mut self, view: View<M>) -> Result<(), Error> {
        if self.0.len() >= MAPPINGS_PER_OBJECT_MAX {
            return Err(Error::LimitReached);
        }
        self.0.try_reserve(1).map_err(|_| Error::NoMemory)?;
        self.0.push(view);
        Ok(())
    }

    /// Ends the view that starts at `address` of `right.table` where `right` begins, and adds `right`: both or
    /// nothing, so that no translation is ever unknown.
    ///
    /// # Errors
    /// `LimitReached`, `NoMemory`.
    pub(super) fn cut(&mut self, address: u64, right: View<M>) -> Result<(), Error> {
        let border = right.pages.start;
        let table = right.table.clone();
        self.add(right)?;
        if let Some(left) = self.0.iter_mut().find(|view| view.is_at(&table, address)) {
            left.pages.end = border;
        }
        Ok(())
    }

    /// Removes the view that starts at `address` of `table`, and says what it showed.
    pub(super) fn remove(&mut self, table: &Arc<SpaceTable<M>>, address: u64) -> Option<Range<u64>> {
        let index = self.0.iter().position(|view| view.is_at(table, address))?;
        Some(self.0.swap_remove(index).pages)
    }

    /// Takes the translations of these pages away everywhere.
    pub(super) fn clear(&self, pages: &Range<u64>) {
        for view in &self.0 {
            if let Some(addresses) = view.addresses(pages) {
                view.table.clear(addresses);
            }
        }
    }

    /// Makes the translations of these pages read-only everywhere.
    pub(super) fn protect(&self, pages: &Range<u64>) {
        for view in &self.0 {
            if let Some(addresses) = view.addresses(pages) {
                view.table.protect(addresses);
            }
        }
    }

    /// Has the next write to each of these pages noticed everywhere.
    pub(super) fn rearm(&self, pages: &Range<u64>) {
        for view in &self.0 {
            if let Some(addresses) = view.addresses(pages) {
                view.table.rearm(addresses);
            }
        }
    }

    /// Has every processor that logs its writes come out with what it has logged.
    pub(super) fn expel(&self) {
        for view in &self.0 {
            view.table.expel();
        }
    }

    /// Has writes logged where that can be done.
    pub(super) fn start_log(&self) {
        for view in &self.0 {
            view.table.start_log();
        }
    }
}
