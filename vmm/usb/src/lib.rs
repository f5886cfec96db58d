//! An xHCI host controller with a keyboard and a tablet for USB 2.0.
//!
//! - [`controller`]: the xHCI as a value: registers, command and event rings, slots, transfers. Sections cited there
//!   are those of the eXtensible Host Controller Interface for USB, revision 1.1.
//! - [`device`], [`descriptors`], [`setup`]: what every USB device has in common (USB 2.0, chapter 9).
//! - [`hid`]: the two devices, a keyboard that knows the boot protocol and a tablet with absolute places (Device Class
//!   Definition for Human Interface Devices 1.11).
//!
//! Nothing is polled: an interrupt endpoint without a report is left alone until somebody touches the device, and a
//! doorbell or a report is worked on where it comes in. What one call may do is bounded; the rest is continued through
//! the device's deadline.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod controller;
mod descriptors;
mod device;
mod hid;
mod setup;
#[cfg(test)]
mod tests;

pub use controller::{BAR, BAR_BYTES, Xhci};
pub use hid::Position;
