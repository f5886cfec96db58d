//! The I/O APIC (Intel 82093AA data sheet; ICH9 data sheet, 13.5, for version 0x20 with its EOI register).
//!
//! Turns the levels of 24 lines into messages to local APICs. A level-triggered interrupt stays "in
//! service" (remote IRR) until the processor's EOI comes back.

mod bus;
mod entry;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use bus::State;
pub use state::{ADDRESS_BYTES, IoApic};
