//! The two 8259A interrupt controllers of a PC (Intel 8259A data sheet, 1988; ICH9 data sheet, 5.8).
//!
//! [`Chip`] is one controller, [`PicPair`] both with their cascade and the edge/level registers. Neither is a
//! device of its own: [`crate::PcInterrupts`] puts them beside the I/O APIC.
//!
//! A request that came by an edge stays until it is acknowledged, even if its line goes low before that: devices
//! that are read in between do not cause spurious interrupts. Nothing is delivered before software has
//! initialized a controller.

mod chip;
mod command;
mod pair;
#[cfg(test)]
mod tests;

pub use chip::Chip;
pub use pair::{CASCADE_INPUT, INPUTS, PicPair, PicPairState, Which};
