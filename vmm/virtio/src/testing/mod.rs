//! The other side: a driver, for tests, simulations and fuzzers of devices. Nothing here ships.
//!
//! - [`DriverQueue`]: the driver's half of a queue, in either format.
//! - [`Bench`]: a device behind its transport with memory and a driver that set it up.
//! - [`Echo`]: the simplest device: writes back what it reads.

mod bench;
mod echo;
mod packed_driver;
mod queue_driver;
mod split_driver;

pub use bench::Bench;
pub use echo::Echo;
pub use queue_driver::{Buffer, Direction, DriverQueue, Wish};
