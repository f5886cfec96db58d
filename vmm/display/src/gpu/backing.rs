//! The guest's memory that a picture is copied from.

use alloc::vec::Vec;
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use vmm_bus::GuestMemory;

/// Pieces of memory of all pictures at the most.
pub(super) const PIECES_MAX: usize = 65_536;

/// A piece of guest memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Piece {
    /// Offset of its first byte in the whole.
    offset: u64,
    address: u64,
    bytes: u32,
}

/// Pieces of guest memory as one string of bytes. They are looked at when they are used: the guest may name
/// memory that it does not have.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Backing(Vec<Piece>);

impl Backing {
    /// Adds a piece. `false` if the whole gets too long.
    pub(super) fn push(&mut self, address: u64, bytes: u32) -> bool {
        let end = self.0.last().map_or(Some(0), |last| last.offset.checked_add(u64::from(last.bytes)));
        let Some(offset) = end else { return false };
        self.0.push(Piece { offset, address, bytes });
        true
    }

    /// Pieces.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a state that was read from outside is one that [`Backing::push`] makes.
    pub(super) fn is_possible(&self) -> bool {
        let mut again = Self::default();
        self.0.len() <= PIECES_MAX
            && self.0.iter().all(|piece| again.push(piece.address, piece.bytes))
            && again == *self
    }

    /// Copies from `offset` on. `false` if there is no such memory; then part of it may have been copied.
    pub(super) fn read(&self, memory: &dyn GuestMemory, offset: u64, into: &mut [u8]) -> bool {
        let first =
            self.0.partition_point(|piece| piece.offset.saturating_add(u64::from(piece.bytes)) <= offset);
        let (mut at, mut rest) = (offset, into);
        for piece in self.0.get(first..).unwrap_or_default() {
            if rest.is_empty() {
                break;
            }
            let Some(skipped) = at.checked_sub(piece.offset) else { return false };
            let count = u64::from(piece.bytes).saturating_sub(skipped).min(rest.len() as u64);
            let (part, after) = rest.split_at_mut(count as usize);
            let address = piece.address.checked_add(skipped).map(Gpa::new);
            if address.is_none_or(|address| memory.read(address, part).is_err()) {
                return false;
            }
            at = at.saturating_add(count);
            rest = after;
        }
        rest.is_empty()
    }
}
