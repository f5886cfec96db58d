//! The virtio devices: each a value in a folder of its own, put behind PCI by [`vmm_virtio::VirtioPci`].
//!
//! - [`virtio_blk`]: a disk over a [`vmm_bus::Volume`].
//! - [`virtio_console`]: a console with one port.
//! - [`virtio_rng`]: random bytes from an [`Entropy`] source.
//! - [`virtio_balloon`]: memory that the guest gives back.
//!
//! Sections cited are those of "Virtual I/O Device (VIRTIO) Version 1.2".
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod virtio_balloon;
pub mod virtio_blk;
pub mod virtio_console;
pub mod virtio_rng;

pub use virtio_balloon::{Balloon, MemoryStatistics};
pub use virtio_blk::{Block, BlockConfig};
pub use virtio_console::{Console, ConsoleSize};
pub use virtio_rng::{Entropy, Rng};
