//! A whole board of devices, as the VMM puts it together, driven by a list of events.
//!
//! A [`Board`] is the real bus with the real devices, memory in a vector and a clock that only events move. An
//! [`Event`] is what a guest or the outside can do; a [`Choice`] says which of them a target is after.
//! [`crate::pair`] runs a board and, once it was saved, a second one that was restored from the first: both must
//! go on alike.

mod build;
mod event;
mod perform;

pub use build::{Board, RAM_BYTES};
pub use event::{Choice, Event};
pub use perform::Observation;
