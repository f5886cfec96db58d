//! A high precision event timer block with three timers (IA-PC HPET Specification 1.0a).
//!
//! The main counter has 64 bits and a period of 10 ns. It and the timers are functions of the time: nobody is woken but
//! for an enabled interrupt. A timer interrupts by an edge or a level on pins 16 to 23, by message, or, in legacy
//! replacement mode, in the place of the 8254 (timer 0) and of the clock (timer 1), which are cut off then.

mod bus;
mod registers;
mod state;
#[cfg(test)]
mod tests;
mod timer;

pub use registers::{ADDRESS, ADDRESS_BYTES, PERIOD_FEMTOSECONDS};
pub use state::{Hpet, Wiring};
