//! Network cards as values: the guest's registers and queues in, frames out, and the other way round.
//!
//! - [`Wire`]: what a card is plugged into; [`Nowhere`]: a socket with nothing behind it.
//! - [`VirtioNet`]: the card for systems that know virtio ([`virtio_net`]).
//! - [`E1000`]: Intel's cards, for systems that do not ([`e1000`]).
//! - [`MacAddress`]: who a card is.
//!
//! A frame is an Ethernet frame from the destination address on, without preamble and check sequence.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod e1000;
pub mod mac;
pub mod virtio_net;
pub mod wire;

pub use e1000::E1000;
pub use mac::MacAddress;
pub use virtio_net::VirtioNet;
pub use wire::{Nowhere, Wire};

/// Bytes of a frame at the most: 1500 of payload, addresses, type and a VLAN tag.
pub const FRAME_BYTES_MAX: usize = 1518;
/// Bytes of a frame at the least: what is shorter is no Ethernet frame.
pub const FRAME_BYTES_MIN: usize = 14;
