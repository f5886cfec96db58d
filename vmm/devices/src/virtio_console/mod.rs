//! A console (5.3) with one port.
//!
//! What is typed waits in a bounded queue until the guest offers buffers; what the guest writes waits in
//! another one until the owner takes it. While that one is full the guest's buffers stay in its
//! queue, so that it slows down to the console's speed.

mod device;
mod state;
#[cfg(test)]
mod tests;

pub use state::{Console, ConsoleSize, INPUT_BYTES, OUTPUT_BYTES};
