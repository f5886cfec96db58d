//! The 8254 timer with its three counters, and port 0x61 (Intel 8254 data sheet, 1993; ICH9 data sheet, 13.3 and
//! 13.7.1).
//!
//! A counter is a function of the time: it knows when it was started and with which count, and what it reads as, its
//! output and its next edge follow. Counter 0 drives interrupt 0; the line stays high between edges, so that each
//! costs one event. Nobody is woken while no interrupt controller listens to it. Counter 1 (memory refresh) counts
//! but drives nothing; counter 2 has its gate and output at port 0x61, whose refresh bit is a function of the time
//! too. The speaker itself is silent.

mod bus;
mod counter;
mod pit_state;
mod program;
#[cfg(test)]
mod tests;
mod wave;

pub use bus::{CONTROL_PORT, CONTROL_REGION, COUNTERS_PORT, COUNTERS_PORTS, COUNTERS_REGION};
pub use pit_state::Pit;
