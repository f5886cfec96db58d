//! Which pages were written.

use super::MemoryObject;
use super::slot::Slot;
use super::tree::span;
use crate::machine::Machine;
use abi::Error;

impl<M: Machine> MemoryObject<M> {
    /// Starts noting which pages are written; all count as clean at first.
    ///
    /// # Errors
    /// `Unsupported` for memory that is not made of pages.
    pub fn start_tracking(&self) -> Result<(), Error> {
        let ram = self.ram()?;
        let pages = 0..ram.pages();
        let mut state = ram.lock();
        state.tree.visit(pages.clone(), &mut |_, _, slot| slot.clean());
        state.is_tracking = true;
        state.views.protect(&pages);
        Ok(())
    }

    /// Ends it. What was not reported is forgotten.
    pub fn stop_tracking(&self) {
        if let Ok(ram) = self.ram() {
            let mut state = ram.lock();
            state.is_tracking = false;
            state.tree.visit(0..ram.pages(), &mut |_, _, slot| slot.clean());
        }
    }

    /// Sets the bit (lowest first, bit 0 = the page at `offset`) of each page of the range that was written since
    /// the last report, marks it as clean, and returns how many there were. What is written from now on is in
    /// the next report, even by somebody who is writing right now.
    ///
    /// # Errors
    /// `OutOfRange`, `BadArgument`, `BufferTooSmall`, `Unsupported`; `BadState` if tracking is off; `NoMemory`.
    pub fn collect_dirty(&self, offset: u64, bytes: u64, bitmap: &mut [u8]) -> Result<u64, Error> {
        let pages = self.page_range(offset, bytes)?;
        let ram = self.ram()?;
        if (bitmap.len() as u64) < (pages.end - pages.start).div_ceil(8) {
            return Err(Error::BufferTooSmall);
        }
        let mut state = ram.lock();
        let state = &mut *state;
        if !state.is_tracking {
            return Err(Error::BadState);
        }
        state.tree.split_at(pages.start)?;
        state.tree.split_at(pages.end)?;
        let mut count = 0;
        state.tree.visit(pages.clone(), &mut |base, level, slot: Slot| {
            if !slot.is_dirty() {
                return slot;
            }
            count += span(level);
            (0..span(level)).for_each(|page| set_bit(bitmap, base - pages.start + page));
            slot.clean()
        });
        if count > 0 {
            state.views.protect(&pages);
        }
        Ok(count)
    }
}

fn set_bit(bitmap: &mut [u8], bit: u64) {
    let byte = usize::try_from(bit / 8).ok().and_then(|index| bitmap.get_mut(index));
    if let Some(byte) = byte {
        *byte |= 1 << (bit % 8);
    }
}
