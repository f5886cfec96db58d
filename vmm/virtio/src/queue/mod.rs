//! A virtqueue (2.6) in either format.

mod chain;
mod descriptor;
mod packed;
mod split;
mod state;

pub use chain::{Chain, ChainState, Parts, SEGMENTS_MAX, Token};
pub use state::{Queue, QueueAreas, QueueState};

/// Whether a notification is due now that an index went from `old` to `new`: it passed `event` (2.7.10).
/// All three count modulo 2^16.
pub(crate) fn passes_event(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}
