//! Pages on their way back.

use super::state::Balloon;
use base_units::{Gpa, PAGE_BYTES};
use vmm_bus::GuestRange;
use vmm_virtio::{Fault, Guest};

/// Bytes of a page number in a request (5.5.6).
const NUMBER_BYTES: u64 = 4;
/// Page numbers read in one step.
const STEP: usize = 64;
/// Page numbers of one request that are looked at: drivers send 256. What comes after stays the guest's.
const NUMBERS_MAX: u64 = 4096;

impl Balloon {
    /// Gives back the pages that the request at hand names.
    pub(super) fn inflate(&mut self, guest: &mut Guest<'_>) -> Result<(), Fault> {
        let count = (self.chain.readable().len() / NUMBER_BYTES).min(NUMBERS_MAX);
        let mut done: u64 = 0;
        while done < count {
            let numbers = count.saturating_sub(done).min(STEP as u64);
            let mut raw = [[0; NUMBER_BYTES as usize]; STEP];
            let part = raw.get_mut(..numbers as usize).unwrap_or_default();
            self.chain.readable().read(
                guest.memory,
                done.saturating_mul(NUMBER_BYTES),
                part.as_flattened_mut(),
            )?;
            for number in part {
                let start = u64::from(u32::from_le_bytes(*number)).saturating_mul(PAGE_BYTES);
                self.give_back(GuestRange { start: Gpa::new(start), bytes: PAGE_BYTES }, guest);
            }
            done = done.saturating_add(numbers);
        }
        Ok(())
    }

    /// Gives back the free pages that the request at hand names: they are its buffers (5.5.6.6).
    pub(super) fn report(&mut self, guest: &mut Guest<'_>) {
        let chain = core::mem::take(&mut self.chain);
        let buffers = chain.writable();
        for range in buffers.pieces(0, buffers.len()) {
            if let Some(pages) = whole_pages(range) {
                self.give_back(pages, guest);
            }
        }
        self.chain = chain;
    }

    /// Pages that are not RAM, or too many at once, are simply not given back: the guest loses nothing.
    fn give_back(&mut self, range: GuestRange, guest: &mut Guest<'_>) {
        if guest.memory.check(range).is_ok() && guest.return_pages(range) {
            self.returned = self.returned.wrapping_add(range.bytes / PAGE_BYTES);
        }
    }
}

/// The pages that lie within a range as a whole.
fn whole_pages(range: GuestRange) -> Option<GuestRange> {
    let start = range.start.align_up(PAGE_BYTES)?;
    let end = range.start.checked_add(range.bytes)?.align_down(PAGE_BYTES);
    let bytes = end.offset_from(start).filter(|bytes| *bytes > 0)?;
    Some(GuestRange { start, bytes })
}
