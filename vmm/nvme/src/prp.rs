//! Where data lies: physical region pages (4.3).

use crate::command::Failure;
use alloc::vec::Vec;
use base_units::Gpa;
use spec::nvme::{PAGE_BYTES, status};
use vmm_bus::{GuestMemory, GuestRange};

/// Bytes that one command moves at the most: 2 to the power of [`TRANSFER_PAGES_LOG`] pages.
pub(crate) const TRANSFER_BYTES_MAX: u64 = PAGE_BYTES << TRANSFER_PAGES_LOG;
/// What IDENTIFY says of it.
pub(crate) const TRANSFER_PAGES_LOG: u8 = 7;
/// Bytes of an entry of a list.
const ENTRY_BYTES: u64 = 8;

/// The pieces of `bytes` bytes of data, neighbours joined. `bytes` is at most [`TRANSFER_BYTES_MAX`].
pub(crate) fn pieces(
    memory: &dyn GuestMemory,
    (first, second): (u64, u64),
    bytes: u64,
) -> Result<Vec<GuestRange>, Failure> {
    if bytes > TRANSFER_BYTES_MAX {
        return Err(Failure::lasting(status::INVALID_FIELD));
    }
    if first & 3 != 0 {
        return Err(Failure::lasting(status::PRP_OFFSET));
    }
    let mut pieces = Pieces { ranges: Vec::new(), left: bytes };
    pieces.push(first);
    if pieces.left > PAGE_BYTES {
        walk_lists(memory, second, &mut pieces)?;
    } else if pieces.left > 0 {
        pieces.push(aligned(second)?);
    }
    Ok(pieces.ranges)
}

/// Reads lists of pages until all data has its place. Each list but the first begins at the start of a page, so
/// every one of them has entries, and the data's size bounds their number.
fn walk_lists(memory: &dyn GuestMemory, list: u64, pieces: &mut Pieces) -> Result<(), Failure> {
    if !list.is_multiple_of(ENTRY_BYTES) {
        return Err(Failure::lasting(status::PRP_OFFSET));
    }
    let mut list = list;
    while pieces.left > 0 {
        let room = PAGE_BYTES.wrapping_sub(list % PAGE_BYTES) / ENTRY_BYTES;
        let wanted = pieces.left.div_ceil(PAGE_BYTES);
        // The last entry of a full page leads to the next list.
        let is_last = wanted <= room;
        let entries = read_entries(memory, list, wanted.min(room))?;
        let (pages, next) = match entries.split_last() {
            Some((next, pages)) if !is_last => (pages, *next),
            _ => (&entries[..], 0),
        };
        for page in pages {
            pieces.push(aligned(*page)?);
        }
        list = aligned(next)?;
    }
    Ok(())
}

fn read_entries(memory: &dyn GuestMemory, list: u64, count: u64) -> Result<Vec<u64>, Failure> {
    let mut raw = [0; PAGE_BYTES as usize];
    let bytes = usize::try_from(count.saturating_mul(ENTRY_BYTES)).unwrap_or(raw.len());
    let raw = raw.get_mut(..bytes).ok_or(Failure(status::INTERNAL))?;
    memory.read(Gpa::new(list), raw).map_err(|_| Failure::lasting(status::TRANSFER))?;
    let entry = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    Ok(raw.chunks_exact(ENTRY_BYTES as usize).map(entry).collect())
}

fn aligned(page: u64) -> Result<u64, Failure> {
    if page.is_multiple_of(PAGE_BYTES) { Ok(page) } else { Err(Failure::lasting(status::PRP_OFFSET)) }
}

struct Pieces {
    ranges: Vec<GuestRange>,
    left: u64,
}

impl Pieces {
    /// Adds what is left of the page that `start` lies in.
    fn push(&mut self, start: u64) {
        let bytes = PAGE_BYTES.wrapping_sub(start % PAGE_BYTES).min(self.left);
        self.left = self.left.saturating_sub(bytes);
        if let Some(last) = self.ranges.last_mut()
            && last.start.raw().checked_add(last.bytes) == Some(start)
        {
            last.bytes = last.bytes.saturating_add(bytes);
        } else if bytes > 0 {
            self.ranges.push(GuestRange { start: Gpa::new(start), bytes });
        }
    }
}
