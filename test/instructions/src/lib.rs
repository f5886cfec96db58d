//! Random instructions with random operands, for whoever runs them twice: on a processor and emulated.
//!
//! - [`Surroundings`] says in which mode and where operands may lie.
//! - [`Case`] is one instruction with the registers before it, and what the manuals leave undefined behind it.
//! - [`State`] is the registers, in the form that assembly loads and stores.
//!
//! `forms` is the table of instructions, `case` makes operands and encodings, [`Random`] numbers that follow from a seed.
#![no_std]
#![forbid(unsafe_code)]

mod case;
mod code;
mod forms;
mod random;
mod state;

pub use case::{Case, Mode, Surroundings};
pub use code::{CODE_BYTES_MAX, Code};
pub use random::Random;
pub use state::{FLAGS, State};
