//! Memory made of pages on first touch.

use super::Resolved;
use super::mapped::{View, Views};
use super::remains::Remains;
use super::slot::{Slot, level_of, size_of_level};
use super::step::{STEP_PAGES, Step};
use super::tree::{Place, Tree, span};
use crate::group::Group;
use crate::lock::{Lock, LockGuard};
use crate::machine::Machine;
use crate::memory::Caching;
use crate::memory::space::SpaceTable;
use abi::{Error, MemoryFlags};
use alloc::sync::Arc;
use base_units::{Hpa, PageCount, PageSize};
use core::ops::Range;

/// Ring-0 memory that an object costs before it has pages.
const OBJECT_COST_BYTES: u64 = 512;

/// RAM by the page.
pub(super) struct Ram<M: Machine> {
    group: Arc<Group>,
    flags: MemoryFlags,
    pages: u64,
    state: Lock<State<M>>,
}

/// What the object's lock protects.
pub(super) struct State<M: Machine> {
    pub(super) tree: Tree<M>,
    pub(super) views: Views<M>,
    pub(super) is_tracking: bool,
    /// Pages that are charged to the group and in the tree.
    pub(super) own_pages: u64,
    /// A page of 1 GiB that is being zeroed, charged already. It goes to whoever finishes it.
    zeroing: Option<Zeroing>,
}

/// Frames of which a part is zeroed.
struct Zeroing {
    frame: Hpa,
    pages: u64,
}

/// Whether somebody comes again for a page that takes long to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::memory) enum Patience {
    /// It comes again, after interrupts were let in.
    Again,
    /// It wants the page now, and a smaller one will do.
    Now,
}

impl<M: Machine> Ram<M> {
    pub(super) fn new(group: Arc<Group>, pages: u64, flags: MemoryFlags) -> Result<Self, Error> {
        group.charge_kernel(OBJECT_COST_BYTES)?;
        let tree = Tree::new(pages, group.clone());
        let state = State { tree, views: Views::new(), is_tracking: false, own_pages: 0, zeroing: None };
        Ok(Self { group, flags, pages, state: Lock::new(state) })
    }

    pub(super) fn lock(&self) -> LockGuard<'_, State<M>> {
        self.state.lock()
    }

    pub(super) fn group(&self) -> &Arc<Group> {
        &self.group
    }

    pub(super) fn flags(&self) -> MemoryFlags {
        self.flags
    }

    pub(super) fn pages(&self) -> u64 {
        self.pages
    }

    pub(super) fn own_pages(&self) -> u64 {
        self.state.lock().own_pages
    }

    pub(super) fn preferred_size(&self) -> PageSize {
        if self.flags.contains(MemoryFlags::HUGE_PAGES) {
            PageSize::Huge
        } else if self.flags.contains(MemoryFlags::LARGE_PAGES) {
            PageSize::Large
        } else {
            PageSize::Small
        }
    }

    pub(super) fn add_view(&self, view: View<M>) -> Result<(), Error> {
        self.state.lock().views.add(view)
    }

    pub(super) fn remove_view(&self, table: &Arc<SpaceTable<M>>, address: u64) {
        let mut state = self.state.lock();
        let Some(pages) = state.views.remove(table, address) else { return };
        if state.is_tracking && table.is_logged() {
            // What is in a log still finds no mapping any more: all of it counts as written.
            state.mark_dirty(pages);
        }
    }

    #[inline]
    pub(super) fn resolve(
        &self,
        page: u64,
        is_write: bool,
        patience: Patience,
        install: impl FnOnce(&Resolved) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut state = self.state.lock();
        match self.touch(&mut state, page, is_write, patience) {
            // The access is tried again, and comes here again.
            Err(Error::WouldBlock) => Ok(()),
            resolved => install(&resolved?),
        }
    }

    /// A step of making pages.
    pub(super) fn commit(&self, pages: Range<u64>) -> Result<Step, Error> {
        let (mut page, mut count) = (pages.start, 0);
        let stop = pages.end.min(pages.start.saturating_add(STEP_PAGES));
        while page < stop {
            let mut state = self.state.lock();
            let before = state.own_pages;
            let resolved = match self.touch(&mut state, page, false, Patience::Again) {
                Err(Error::WouldBlock) => return Ok(Step { count, next: Some(page) }),
                resolved => resolved?,
            };
            count += state.own_pages.saturating_sub(before);
            let span = resolved.size.pages().raw();
            page = (page & !(span - 1)) + span;
        }
        Ok(Step { count, next: (page < pages.end).then_some(page) })
    }

    /// A step of giving pages back.
    pub(super) fn decommit(&self, pages: Range<u64>) -> Result<Step, Error> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some((pages, next)) = state.tree.step(&pages) else { return Ok(Step::default()) };
        state.tree.split_at(pages.start)?;
        state.tree.split_at(pages.end)?;
        state.views.clear(&pages);
        let empty = if state.is_tracking { Slot::GIVEN_BACK } else { Slot::NONE };
        let mut count = 0;
        state.tree.visit(pages, &mut |_, level, slot| {
            if !slot.is_present() {
                return slot;
            }
            count += span(level);
            if slot.is_own() {
                M::frames().release_object(slot.address(), size_of_level(level));
                self.group.release(PageCount::new(span(level)));
                state.own_pages -= span(level);
            }
            empty
        });
        Ok(Step { count, next })
    }

    /// Finds or makes the page; after this, if `is_write`, it may be written and is noted as dirty.
    ///
    /// # Errors
    /// `NoMemory`; `WouldBlock` only to those who come again: the page is not finished.
    #[inline]
    pub(super) fn touch(
        &self,
        state: &mut State<M>,
        page: u64,
        is_write: bool,
        patience: Patience,
    ) -> Result<Resolved, Error> {
        let (mut place, mut slot) = state.tree.find(page);
        if !slot.is_present() {
            if place.level == 0 {
                // The shortest way, because guests take it for each page that they have.
                let slot = self.fill(state, place, slot, is_write)?;
                return Ok(Resolved {
                    frame: slot.address(),
                    size: PageSize::Small,
                    is_writable: state.is_writable(slot),
                    caching: Caching::WriteBack,
                });
            }
            (place, slot) = self.add_page(state, page, is_write, (place.level, patience))?;
        } else if is_write && !state.is_writable(slot) {
            (place, slot) = self.make_writable(state, page, place, slot)?;
        }
        let size = size_of_level(place.level);
        let within = (page & (span(place.level) - 1)) * base_units::PAGE_BYTES;
        Ok(Resolved {
            frame: Hpa::new(slot.address().raw() + within),
            size,
            is_writable: state.is_writable(slot),
            caching: Caching::WriteBack,
        })
    }

    /// Makes the largest page that is wanted and to be had, where nothing is below a slot of `level`.
    #[inline(never)]
    fn add_page(
        &self,
        state: &mut State<M>,
        page: u64,
        is_write: bool,
        (level, patience): (u32, Patience),
    ) -> Result<(Place, Slot), Error> {
        let largest = if patience == Patience::Again { 2 } else { 1 };
        let is_wanted = |wanted: u32| {
            wanted <= level.min(largest)
                && wanted <= level_of(self.preferred_size())
                && self.fits(page, wanted)
        };
        for level in [2, 1, 0] {
            if level > 0 && !is_wanted(level) {
                continue;
            }
            let (place, old) = state.tree.descend(page, level)?;
            let filled = match level {
                2 => self.fill_huge(state, place, old, is_write),
                _ => self.fill(state, place, old, is_write),
            };
            match filled {
                Err(Error::NoMemory) if level > 0 => {}
                filled => return filled.map(|slot| (place, slot)),
            }
        }
        Err(Error::NoMemory)
    }

    /// Whether the page of `level` around `page` ends within the object.
    fn fits(&self, page: u64, level: u32) -> bool {
        (page & !(span(level) - 1)) + span(level) <= self.pages
    }

    /// Puts a zeroed page in an empty slot.
    #[inline(always)]
    fn fill(&self, state: &mut State<M>, place: Place, old: Slot, is_write: bool) -> Result<Slot, Error> {
        let size = size_of_level(place.level);
        let frame = match self.take_frame(size) {
            Ok(frame) => frame,
            Err(error) => self.take_frame_late(size).ok_or(error)?,
        };
        M::zero_pages(frame, size.pages().raw());
        Ok(self.put(state, place, old, (frame, is_write)))
    }

    /// [`Ram::fill`] for a page that is too large to be zeroed at once: does a part. `WouldBlock`: it was not the last.
    fn fill_huge(
        &self,
        state: &mut State<M>,
        place: Place,
        old: Slot,
        is_write: bool,
    ) -> Result<Slot, Error> {
        let size = PageSize::Huge;
        let mut zeroing = match state.zeroing.take() {
            Some(zeroing) => zeroing,
            None => Zeroing { frame: self.take_frame(size)?, pages: 0 },
        };
        let count = STEP_PAGES.min(size.pages().raw() - zeroing.pages);
        M::zero_pages(Hpa::new(zeroing.frame.raw() + zeroing.pages * base_units::PAGE_BYTES), count);
        zeroing.pages += count;
        if zeroing.pages < size.pages().raw() {
            state.zeroing = Some(zeroing);
            return Err(Error::WouldBlock);
        }
        Ok(self.put(state, place, old, (zeroing.frame, is_write)))
    }

    /// Puts zeroed frames in an empty slot.
    #[inline(always)]
    fn put(&self, state: &mut State<M>, place: Place, old: Slot, (frame, is_write): (Hpa, bool)) -> Slot {
        let new = Slot::page(frame);
        let is_dirty = old.is_dirty() || (is_write && state.is_tracking);
        let slot = if is_dirty { new.dirty() } else { new };
        state.tree.set(place, slot);
        state.own_pages += size_of_level(place.level).pages().raw();
        slot
    }

    #[inline(always)]
    fn take_frame(&self, size: PageSize) -> Result<Hpa, Error> {
        self.group.charge(size.pages())?;
        M::frames().allocate_object(size).ok_or_else(|| {
            self.group.release(size.pages());
            Error::NoMemory
        })
    }

    /// [`Ram::take_frame`] after the pages of objects that are gone have been freed.
    #[cold]
    fn take_frame_late(&self, size: PageSize) -> Option<Hpa> {
        while size == PageSize::Small && M::kernel().clear_remains() {
            if let Ok(frame) = self.take_frame(size) {
                return Some(frame);
            }
        }
        None
    }

    /// Breaks sharing and notes the write.
    #[inline(never)]
    fn make_writable(
        &self,
        state: &mut State<M>,
        page: u64,
        place: Place,
        slot: Slot,
    ) -> Result<(Place, Slot), Error> {
        let is_copied = slot.is_shared()
            && (slot.is_foreign() || M::frames().is_shared(slot.address(), size_of_level(place.level)));
        let level = if is_copied || state.is_tracking { 0 } else { place.level };
        let (place, mut slot) = state.tree.descend(page, level)?;
        if is_copied {
            slot = self.replace(state, page, slot)?;
        }
        slot = slot.unshared();
        if state.is_tracking {
            slot = slot.dirty();
        }
        state.tree.set(place, slot);
        Ok((place, slot))
    }

    /// Gives a page of 4 KiB a frame of its own with the same bytes.
    fn replace(&self, state: &mut State<M>, page: u64, old: Slot) -> Result<Slot, Error> {
        let frames = M::frames();
        // Its neighbours in a large page may be shared while this frame is not.
        if !old.is_foreign() && !frames.is_shared(old.address(), PageSize::Small) {
            return Ok(old);
        }
        let one = PageCount::new(1);
        if old.is_foreign() {
            self.group.charge(one)?;
        }
        let Some(frame) = frames.allocate_object(PageSize::Small) else {
            if old.is_foreign() {
                self.group.release(one);
            }
            return Err(Error::NoMemory);
        };
        M::copy_page(frame, old.address());
        // Whoever reads the old frame through another mapping must see what is written from now on.
        state.views.clear(&(page..page + 1));
        if old.is_foreign() {
            state.own_pages += 1;
        } else {
            frames.release_object(old.address(), PageSize::Small);
        }
        let new = Slot::page(frame);
        Ok(if old.is_dirty() { new.dirty() } else { new })
    }
}

impl<M: Machine> State<M> {
    /// Notes a write to each page of the range that is there.
    fn mark_dirty(&mut self, pages: Range<u64>) {
        self.tree.visit(pages, &mut |_, _, slot| if slot.is_present() { slot.dirty() } else { slot });
    }

    /// Whether this page may be written as it is.
    #[inline]
    fn is_writable(&self, slot: Slot) -> bool {
        !slot.is_shared() && (!self.is_tracking || slot.is_dirty())
    }
}

impl<M: Machine> Drop for Ram<M> {
    fn drop(&mut self) {
        self.group.release_kernel(OBJECT_COST_BYTES);
        let state = self.state.get_mut();
        if let Some(zeroing) = state.zeroing.take() {
            M::frames().release_object(zeroing.frame, PageSize::Huge);
            self.group.release(PageSize::Huge.pages());
        }
        let tree = core::mem::replace(&mut state.tree, Tree::new(0, self.group.clone()));
        let mut remains = Remains { group: self.group.clone(), tree, next: 0, own_pages: state.own_pages };
        if !remains.clear_some() {
            M::kernel().leave_remains(remains);
        }
    }
}
