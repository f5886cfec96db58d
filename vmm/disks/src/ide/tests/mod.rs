//! The controller as its drivers see it.

mod bench;
mod disks;
mod dma;
mod packets;
