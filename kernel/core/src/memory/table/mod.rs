//! Page tables of processes and guests.
//!
//! Tables are kernel frames, charged to the group of their space. Processors walk them while they change:
//! an entry is one 64-bit store, a table is complete before an entry names it, and a table that was taken
//! out is freed only after a shoot-down (the caller's business, see [`super::residency`]).

mod format;
#[cfg(test)]
mod tests;
mod walk;

pub use format::PAT_WRITE_COMBINING;
pub(super) use format::{Format, Leaf};
pub(super) use walk::frame_of;

use super::frames::KernelFrame;
use crate::group::Group;
use crate::machine::Machine;
use alloc::sync::Arc;
use base_units::{Hpa, PAGE_BYTES, PageSize};
use core::marker::PhantomData;
use core::ops::Range;
use format::Entry;

/// Entries of one table.
const ENTRIES: usize = 512;
/// Level of the top table; level 0 maps 4 KiB pages.
const TOP: u32 = 3;
/// Subtrees that are taken out between two shoot-downs.
const DETACHED_MAX: usize = 32;

/// Entries that one step of unmapping looks at, about: 64 MiB in pages of 4 KiB.
const STEP_ENTRIES: usize = 32 * ENTRIES;

/// A tree of page tables below a root that somebody else owns.
pub(super) struct Table<M> {
    format: Format,
    root: Hpa,
    group: Arc<Group>,
    _machine: PhantomData<fn() -> M>,
}

/// Why a page was not mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MapError {
    /// No memory for a table.
    NoMemory,
    /// There are tables for smaller pages in the place of this large one.
    HasTable,
}

/// Tables that were taken out and wait for a shoot-down.
pub(super) struct Detached {
    tables: [(Hpa, u32); DETACHED_MAX],
    count: usize,
}

/// What [`Table::visit`] does to the entries of a range.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Clear,
    Protect,
    /// As `Protect`, but small pages stay writable and are clean.
    Rearm,
}

impl<M: Machine> Table<M> {
    pub(super) fn new(format: Format, root: Hpa, group: Arc<Group>) -> Self {
        Self { format, root, group, _machine: PhantomData }
    }

    /// Maps one page of 4 KiB at `address`. Replaces what is there. No loop: this is on the path of each first
    /// touch.
    #[inline]
    pub(super) fn map_small(&mut self, address: u64, leaf: &Leaf) -> Result<(), MapError> {
        let table = self.enter(self.root, index(address, 3), 3).ok_or(MapError::NoMemory)?;
        let table = self.enter(table, index(address, 2), 2).ok_or(MapError::NoMemory)?;
        let table = self.enter(table, index(address, 1), 1).ok_or(MapError::NoMemory)?;
        write::<M>(table, index(address, 0), self.format.leaf(leaf));
        Ok(())
    }

    /// Maps one page at `address`, aligned to its size. Replaces what is there.
    pub(super) fn map(&mut self, address: u64, leaf: &Leaf) -> Result<(), MapError> {
        let target = level_of(leaf.size);
        if target == 0 {
            return self.map_small(address, leaf);
        }
        let mut table = self.root;
        for level in (target + 1..=TOP).rev() {
            table = self.enter(table, index(address, level), level).ok_or(MapError::NoMemory)?;
        }
        let index = index(address, target);
        if read::<M>(table, index).names_table() {
            return Err(MapError::HasTable);
        }
        write::<M>(table, index, self.format.leaf(leaf));
        Ok(())
    }

    /// The table below entry `index` of `table`, which is made if there is none. `None` without memory.
    #[inline(always)]
    fn enter(&mut self, table: Hpa, index: usize, level: u32) -> Option<Hpa> {
        let entry = read::<M>(table, index);
        if entry.names_table() {
            return Some(entry.address());
        }
        if entry.is_present() { self.split(table, index, level) } else { self.add_table(table, index) }
    }

    /// The address before which no more than [`STEP_ENTRIES`] entries of the range have to be looked at; its end if all of it
    /// needs no more.
    pub(super) fn step_end(&self, range: &Range<u64>) -> u64 {
        let mut left = STEP_ENTRIES;
        step_end::<M>(self.root, TOP, range, &mut left).unwrap_or(range.end)
    }

    /// Takes all pages out that touch the range; whether there were any.
    pub(super) fn clear(&mut self, range: Range<u64>) -> bool {
        self.visit(self.root, TOP, &range, Change::Clear)
    }

    /// Takes the right to write from all pages that touch the range; whether any had it.
    pub(super) fn protect(&mut self, range: Range<u64>) -> bool {
        self.visit(self.root, TOP, &range, Change::Protect)
    }

    /// Has the processor log the next write to each writable page of 4 KiB of the range; larger ones are protected. Whether
    /// any page changed.
    pub(super) fn rearm(&mut self, range: Range<u64>) -> bool {
        self.visit(self.root, TOP, &range, Change::Rearm)
    }

    /// Changes the leaves below `table` that touch `range`; whether any changed. A large leaf changes as a
    /// whole: taking too much away costs a fault, nothing else.
    fn visit(&self, table: Hpa, level: u32, range: &Range<u64>, change: Change) -> bool {
        let mut has_changed = false;
        for (index, part) in parts(level, range) {
            let entry = read::<M>(table, index);
            if !entry.is_present() {
                continue;
            }
            if !entry.is_leaf(level) {
                has_changed |= self.visit(entry.address(), level - 1, &part, change);
                continue;
            }
            let new = match change {
                Change::Clear => Entry::NONE,
                Change::Rearm if level == 0 && entry.is_writable() => self.format.clean(entry),
                Change::Protect | Change::Rearm => entry.protected(),
            };
            if new != entry {
                write::<M>(table, index, new);
                has_changed = true;
            }
        }
        has_changed
    }

    /// Takes all unused tables of the range out, as far as `detached` has room. Whether that is done; if not,
    /// it goes on when called again.
    pub(super) fn detach(&mut self, range: Range<u64>, detached: &mut Detached) -> bool {
        detach::<M>(self.root, TOP, &range, detached)
    }

    /// Frees tables that no processor can reach any more.
    pub(super) fn free(&mut self, detached: Detached) {
        for (table, level) in detached.tables.iter().take(detached.count) {
            self.free_tree(*table, *level);
        }
    }

    fn free_tree(&mut self, table: Hpa, level: u32) {
        if level > 0 {
            for index in 0..ENTRIES {
                let entry = read::<M>(table, index);
                if entry.is_present() && !entry.is_leaf(level) {
                    self.free_tree(entry.address(), level - 1);
                }
            }
        }
        drop(KernelFrame::<M>::adopt(table));
        self.group.release_kernel(PAGE_BYTES);
    }

    fn new_table(&mut self) -> Option<Hpa> {
        self.group.charge_kernel(PAGE_BYTES).ok()?;
        let frame = M::frames().allocate_kernel();
        if frame.is_none() {
            self.group.release_kernel(PAGE_BYTES);
        }
        frame.map(KernelFrame::into_address)
    }

    #[cold]
    fn add_table(&mut self, parent: Hpa, index: usize) -> Option<Hpa> {
        let table = self.new_table()?;
        write::<M>(parent, index, self.format.table(table));
        Some(table)
    }

    /// Puts a table with the same translations in the place of a large leaf. No processor needs to know: mixed
    /// translations of one meaning are allowed (Intel SDM vol. 3, 4.10.2.3), and every later change flushes all.
    #[cold]
    fn split(&mut self, parent: Hpa, index: usize, level: u32) -> Option<Hpa> {
        let large = read::<M>(parent, index);
        let table = self.new_table()?;
        for part in 0..ENTRIES {
            write::<M>(table, part, large.part(part, level - 1));
        }
        write::<M>(parent, index, self.format.table(table));
        Some(table)
    }
}

impl Detached {
    pub(super) fn new() -> Self {
        Self { tables: [(Hpa::new(0), 0); DETACHED_MAX], count: 0 }
    }

    fn push(&mut self, table: Hpa, level: u32) -> bool {
        let Some(slot) = self.tables.get_mut(self.count) else { return false };
        *slot = (table, level);
        self.count += 1;
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn is_full(&self) -> bool {
        self.count == DETACHED_MAX
    }
}

/// Where the step ends that looks at `left` entries below `table`, if it is in the range; whole tables count.
fn step_end<M: Machine>(table: Hpa, level: u32, range: &Range<u64>, left: &mut usize) -> Option<u64> {
    if level == 0 {
        *left = left.saturating_sub(ENTRIES);
        return (*left == 0).then_some(range.end);
    }
    parts(level, range).find_map(|(index, part)| {
        let entry = read::<M>(table, index);
        if entry.is_present() && !entry.is_leaf(level) {
            return step_end::<M>(entry.address(), level - 1, &part, left);
        }
        *left = left.saturating_sub(1);
        (*left == 0).then_some(part.end)
    })
}

/// Takes out the tables below `table` that hold nothing and touch `range`; whether all could be.
fn detach<M: Machine>(table: Hpa, level: u32, range: &Range<u64>, detached: &mut Detached) -> bool {
    if level == 0 {
        return true;
    }
    for (index, part) in parts(level, range) {
        let entry = read::<M>(table, index);
        if !entry.is_present() || entry.is_leaf(level) {
            continue;
        }
        if !detach::<M>(entry.address(), level - 1, &part, detached) || detached.is_full() {
            return false;
        }
        if is_empty::<M>(entry.address()) {
            write::<M>(table, index, Entry::NONE);
            detached.push(entry.address(), level - 1);
        }
    }
    true
}

fn is_empty<M: Machine>(table: Hpa) -> bool {
    (0..ENTRIES).all(|index| !read::<M>(table, index).is_present())
}

/// The entries of a table of `level` that `range` touches, each with its part of the range.
fn parts(level: u32, range: &Range<u64>) -> impl Iterator<Item = (usize, Range<u64>)> {
    let (start, end) = (range.start, range.end);
    let span = span(level);
    let first = start & !(span - 1);
    (0..ENTRIES as u64)
        .map_while(move |step| first.checked_add(step * span).filter(|base| *base < end))
        .map(move |base| (index(base, level), base.max(start)..base.saturating_add(span).min(end)))
}

/// Bytes that one entry of a table of `level` covers.
const fn span(level: u32) -> u64 {
    PAGE_BYTES << (9 * level)
}

#[inline(always)]
const fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * level)) as usize & (ENTRIES - 1)
}

const fn level_of(size: PageSize) -> u32 {
    size.order() / 9
}

#[inline]
fn read<M: Machine>(table: Hpa, index: usize) -> Entry {
    Entry(M::read_entry(table, index))
}

#[inline]
fn write<M: Machine>(table: Hpa, index: usize, entry: Entry) {
    M::write_entry(table, index, entry.0);
}
