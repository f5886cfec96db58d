//! virtio 1.2, once for all devices: queues, negotiation, and the PCI transport.
//!
//! - [`queue`]: split and packed rings behind one [`Queue`], and [`Chain`], the buffers of one request.
//! - [`device`]: [`VirtioDevice`], what a device adds to all this, and [`Guest`], what it works with.
//! - [`transport`]: [`VirtioPci`], which makes a PCI function of a virtio device.
//! - [`fault`]: [`Fault`], how a guest breaks the rules; its device then waits for a reset.
//!
//! Every structure in guest memory is copied once and then checked; every loop over one is bounded by the
//! queue's size or a named limit. A hostile driver harms its own device only.
//!
//! Sections cited are those of "Virtual I/O Device (VIRTIO) Version 1.2".
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod device;
pub mod fault;
pub mod fuzz;
pub mod queue;
pub mod testing;
pub mod transport;

pub use device::{Guest, Progress, VirtioDevice};
pub use fault::Fault;
pub use queue::{Chain, Parts, Queue, Token};
pub use transport::VirtioPci;

#[cfg(test)]
mod tests;
