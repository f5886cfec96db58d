//! A GPU that shows pictures which the guest drew (virtio 1.2, 5.7): no 3D, one screen.
//!
//! - [`Gpu`]: the device ([`state`], behind the transport in [`device`]); [`commands`] are the guest's words.
//! - [`resource`]: a picture, [`backing`] the guest's memory that it is copied from.
//! - [`picture`]: what is shown.
//!
//! Pictures are copies: what the guest does to its memory shows when it says so. Their number and their bytes are
//! bounded, and a guest that asks for more is told that there is none.

mod backing;
mod commands;
mod device;
mod picture;
mod resource;
mod state;
#[cfg(test)]
mod tests;

pub use resource::{RESOURCE_BYTES_MAX, RESOURCES_MAX};
pub use state::Gpu;
