//! The two 8237 DMA controllers of a PC with their page registers (Intel 8237A data sheet; ICH9 data sheet, 13.2).
//!
//! [`Dma`] is a value that belongs to the device that transfers through it: the floppy controller, the last one of its
//! kind. A transfer happens at once, as far as its channel's count goes.

mod channel;
mod controller;
#[cfg(test)]
mod tests;

pub use channel::Direction;
pub use controller::{Dma, DmaState, Moved, PORTS};
