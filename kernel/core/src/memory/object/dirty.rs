//! Which pages were written.

use super::MemoryObject;
use super::slot::Slot;
use super::step::{DIRTY_STEP_PAGES, Step};
use super::tree::span;
use crate::machine::Machine;
use abi::Error;

impl<M: Machine> MemoryObject<M> {
    /// A step of starting to note which pages are written, from page `from` on; all count as clean once the last step is done.
    ///
    /// # Errors
    /// `Unsupported` for memory that is not made of pages.
    pub fn start_tracking(&self, from: u64) -> Result<Step, Error> {
        let ram = self.ram()?;
        let mut state = ram.lock();
        let state = &mut *state;
        // What is written from now on is noted, but for pages that the next steps protect and clean.
        state.is_tracking = true;
        state.views.start_log();
        let Some((pages, next)) = state.tree.step(&(from..ram.pages())) else { return Ok(Step::default()) };
        state.tree.visit(pages.clone(), &mut |_, _, slot| slot.clean());
        // The first write to each page faults, which splits large pages; later ones may be logged.
        state.views.protect(&pages);
        Ok(Step { count: 0, next })
    }

    /// A step of ending it. What was not reported is forgotten.
    pub fn stop_tracking(&self, from: u64) -> Step {
        let Ok(ram) = self.ram() else { return Step::default() };
        let mut state = ram.lock();
        state.is_tracking = false;
        let Some((pages, next)) = state.tree.step(&(from..ram.pages())) else { return Step::default() };
        state.tree.visit(pages, &mut |_, _, slot| slot.clean());
        Step { count: 0, next }
    }

    /// A step of reporting: sets the bit (lowest first, bit `shift` = the page at `offset`) of each page of the range that was
    /// written since the last report, marks it as clean, and counts them. What is written from now on is in
    /// the next report, even by somebody who is writing right now; where the processor logs writes, so may be what a running vCPU
    /// wrote a moment ago. One that does not run has no such writes.
    ///
    /// # Errors
    /// `OutOfRange`, `BadArgument`, `BufferTooSmall`, `Unsupported`; `BadState` if tracking is off; `NoMemory`.
    pub fn collect_dirty(
        &self,
        offset: u64,
        bytes: u64,
        shift: u64,
        bitmap: &mut [u8],
    ) -> Result<Step, Error> {
        let pages = self.page_range(offset, bytes)?;
        let ram = self.ram()?;
        // Before the lock is taken for good, so that what they have logged can be noted.
        ram.lock().views.expel();
        let mut state = ram.lock();
        let state = &mut *state;
        if !state.is_tracking {
            return Err(Error::BadState);
        }
        state.tree.split_at(pages.start)?;
        state.tree.split_at(pages.end)?;
        let end = pages.end.min(state.tree.next_border(pages.start.saturating_add(DIRTY_STEP_PAGES)));
        let next = (end < pages.end).then_some(end);
        let pages = pages.start..end;
        if (bitmap.len() as u64) < (shift + (pages.end - pages.start)).div_ceil(8) {
            return Err(Error::BufferTooSmall);
        }
        let mut count = 0;
        state.tree.visit(pages.clone(), &mut |base, level, slot: Slot| {
            if !slot.is_dirty() {
                return slot;
            }
            count += span(level);
            (0..span(level)).for_each(|page| set_bit(bitmap, shift + base - pages.start + page));
            slot.clean()
        });
        if count > 0 {
            state.views.rearm(&pages);
        }
        Ok(Step { count, next })
    }

    /// A processor has logged a write to this page.
    pub(in crate::memory) fn note_write(&self, page: u64) {
        let Ok(ram) = self.ram() else { return };
        let mut state = ram.lock();
        let (place, slot) = state.tree.find(page);
        if state.is_tracking && slot.is_present() {
            state.tree.set(place, slot.dirty());
        }
    }
}

fn set_bit(bitmap: &mut [u8], bit: u64) {
    let byte = usize::try_from(bit / 8).ok().and_then(|index| bitmap.get_mut(index));
    if let Some(byte) = byte {
        *byte |= 1 << (bit % 8);
    }
}
