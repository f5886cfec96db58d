//! Copy-on-write clones.

use super::ram::{Ram, State};
use super::slot::{Slot, size_of_level};
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
        let pages = self.page_range(offset, bytes)?;
        super::check_size(bytes)?;
        let clone = match &self.backing {
            Backing::Ram(ram) => clone_ram(ram, pages, group)?,
            Backing::Linear { start, kind: Linear::Boot } => clone_boot(*start, pages, group)?,
            Backing::Linear { .. } => return Err(Error::Unsupported),
        };
        Ok(Arc::new(Self { bytes, backing: Backing::Ram(clone) }))
    }
}

fn clone_boot<M: Machine>(start: Hpa, pages: Range<u64>, group: Arc<Group>) -> Result<Ram<M>, Error> {
    let clone = Ram::new(group, pages.end - pages.start, MemoryFlags::empty())?;
    let mut state = clone.lock();
    for page in pages.clone() {
        let (place, _) = state.tree.descend(page - pages.start, 0)?;
        state.tree.set(place, Slot::foreign(Hpa::new(start.raw() + page * PAGE_BYTES)));
    }
    drop(state);
    Ok(clone)
}

fn clone_ram<M: Machine>(origin: &Ram<M>, pages: Range<u64>, group: Arc<Group>) -> Result<Ram<M>, Error> {
    let clone = Ram::new(group, pages.end - pages.start, origin.flags())?;
    let mut state = origin.lock();
    let state = &mut *state;
    state.tree.split_at(pages.start)?;
    state.tree.split_at(pages.end)?;
    let mut target = clone.lock();
    let mut outcome = Ok(());
    let mut has_shared = false;
    state.tree.visit(pages.clone(), &mut |base, level, slot| {
        if outcome.is_err() || !slot.is_present() {
            return slot;
        }
        outcome = share(&clone, &mut target, base - pages.start, level, slot);
        has_shared |= outcome.is_ok() && !slot.is_shared();
        if outcome.is_ok() { slot.shared() } else { slot }
    });
    if has_shared {
        state.views.protect(&pages);
    }
    drop(target);
    outcome.map(|()| clone)
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
