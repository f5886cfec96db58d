//! Copy-on-write clones.

use super::ram::{Ram, State};
use super::slot::{Slot, size_of_level};
use super::step::{STEP_PAGES, Step};
use super::tree::span;
use super::{Backing, Linear, MemoryObject};
use crate::group::Group;
use crate::machine::Machine;
use abi::{Error, MemoryFlags};
use alloc::sync::Arc;
use base_units::{Hpa, PAGE_BYTES, PageCount};
use core::ops::Range;

impl<M: Machine> MemoryObject<M> {
    /// An object with the same bytes as this range of whole pages, charged to `group`. Frames are shared until
    /// either side writes to them. Takes time for each page that is present.
    ///
    /// # Errors
    /// `OutOfRange`, `BadArgument`, `NoMemory`, `Unsupported` for device memory.
    pub fn clone_range(&self, offset: u64, bytes: u64, group: Arc<Group>) -> Result<Arc<Self>, Error> {
        let clone = self.begin_clone(offset, bytes, group)?;
        let mut next = Some(offset / PAGE_BYTES);
        while let Some(page) = next {
            next = self.clone_some(&clone, offset, page)?.next;
        }
        Ok(clone)
    }

    /// What becomes a clone of this range by [`MemoryObject::clone_some`]; empty so far.
    ///
    /// # Errors
    /// `OutOfRange`, `BadArgument`, `NoMemory`, `Unsupported` for device memory.
    pub fn begin_clone(&self, offset: u64, bytes: u64, group: Arc<Group>) -> Result<Arc<Self>, Error> {
        let pages = self.page_range(offset, bytes)?;
        super::check_size(bytes)?;
        let flags = match &self.backing {
            Backing::Ram(ram) => ram.flags(),
            Backing::Linear { kind: Linear::Boot, .. } => MemoryFlags::empty(),
            Backing::Linear { .. } => return Err(Error::Unsupported),
        };
        let ram = Ram::new(group, pages.end - pages.start, flags)?;
        Ok(Arc::new(Self { bytes, backing: Backing::Ram(ram) }))
    }

    /// A step of making `clone` a clone of the range that begins at `offset`, from `page` of this object on. What is written
    /// to this object between two steps may or may not be in the clone.
    ///
    /// # Errors
    /// `NoMemory`, `LimitReached`, `Unsupported`, `OutOfRange`.
    pub fn clone_some(&self, clone: &Self, offset: u64, page: u64) -> Result<Step, Error> {
        let pages = self.page_range(offset, clone.bytes)?;
        let rest = page.max(pages.start)..pages.end;
        let target = clone.ram()?;
        match &self.backing {
            Backing::Ram(ram) => clone_ram(ram, target, pages.start, rest),
            Backing::Linear { start, .. } => clone_boot(*start, target, pages.start, rest),
        }
    }
}

fn clone_boot<M: Machine>(start: Hpa, clone: &Ram<M>, first: u64, pages: Range<u64>) -> Result<Step, Error> {
    let mut state = clone.lock();
    let end = pages.end.min(pages.start.saturating_add(STEP_PAGES));
    for page in pages.start..end {
        let (place, _) = state.tree.descend(page - first, 0)?;
        state.tree.set(place, Slot::foreign(Hpa::new(start.raw() + page * PAGE_BYTES)));
    }
    Ok(Step { count: end.saturating_sub(pages.start), next: (end < pages.end).then_some(end) })
}

fn clone_ram<M: Machine>(
    origin: &Ram<M>,
    clone: &Ram<M>,
    first: u64,
    pages: Range<u64>,
) -> Result<Step, Error> {
    let mut state = origin.lock();
    let state = &mut *state;
    let Some((pages, next)) = state.tree.step(&pages) else { return Ok(Step::default()) };
    state.tree.split_at(pages.start)?;
    state.tree.split_at(pages.end)?;
    let mut target = clone.lock();
    let mut outcome = Ok(());
    let (mut has_shared, mut count) = (false, 0);
    state.tree.visit(pages.clone(), &mut |base, level, slot| {
        if outcome.is_err() || !slot.is_present() {
            return slot;
        }
        outcome = share(clone, &mut target, base - first, level, slot);
        count += span(level);
        has_shared |= outcome.is_ok() && !slot.is_shared();
        if outcome.is_ok() { slot.shared() } else { slot }
    });
    if has_shared {
        state.views.protect(&pages);
    }
    drop(target);
    outcome.map(|()| Step { count, next })
}

/// Gives the clone a reference to the frames of one page of the origin.
fn share<M: Machine>(
    clone: &Ram<M>,
    target: &mut State<M>,
    page: u64,
    level: u32,
    slot: Slot,
) -> Result<(), Error> {
    let copy = slot.clean().shared();
    if slot.is_foreign() {
        return place(target, page, level, copy);
    }
    let (size, count) = (size_of_level(level), PageCount::new(span(level)));
    clone.group().charge(count)?;
    if !M::frames().share_object(slot.address(), size) {
        clone.group().release(count);
        return Err(Error::LimitReached);
    }
    if let Err(error) = place(target, page, level, copy) {
        M::frames().release_object(slot.address(), size);
        clone.group().release(count);
        return Err(error);
    }
    target.own_pages += span(level);
    Ok(())
}

/// Enters a page of `level` in a tree in which it may have to stand on lower levels: a clone that starts in
/// the middle of a large page has none. On failure nothing of it is left.
fn place<M: Machine>(target: &mut State<M>, page: u64, level: u32, slot: Slot) -> Result<(), Error> {
    let aligned = (0..=level).rev().find(|level| page & (span(*level) - 1) == 0).unwrap_or(0);
    let pages = page..page + span(level);
    for part in 0..span(level) / span(aligned) {
        let at = page + part * span(aligned);
        let piece = Slot(slot.0 + part * span(aligned) * PAGE_BYTES);
        match target.tree.descend(at, aligned) {
            Ok((place, _)) => target.tree.set(place, piece),
            Err(error) => {
                target.tree.visit(pages.start..at.max(pages.start), &mut |_, _, _| Slot::NONE);
                return Err(error);
            }
        }
    }
    Ok(())
}
