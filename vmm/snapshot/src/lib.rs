//! The saved-state format of a virtual machine and its versions.
//!
//! A saved machine is a list of *sections*, one for each device, each with the device's name, its
//! instance, the version of that device's state and the state itself (postcard). The whole
//! carries a format version and a checksum. Reading is strict: what is truncated, damaged, unknown
//! or newer than this program is refused with a reason; nothing is guessed.
//!
//! - [`SavedState`]: the state of one device, with its version ([`saved_state`]).
//! - [`SnapshotWriter`] and [`Snapshot`]: many of them as bytes ([`writer`], [`reader`]).
//! - [`RestoreError`]: why a machine was not restored ([`error`]).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod error;
pub mod format;
pub mod reader;
pub mod saved_state;
pub mod writer;

pub use error::{RestoreError, SaveError};
pub use reader::{Section, Snapshot};
pub use saved_state::{Saved, SavedState};
pub use writer::SnapshotWriter;

#[cfg(test)]
mod tests;
