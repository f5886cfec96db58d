//! The floppy controller (Intel 82077AA data sheet, 1994) with two drives, and the DMA controllers that it uses.
//!
//! A disk is a volume whose size says its geometry ([`Geometry`]). Everything takes no time: a command is carried out
//! when its last byte arrives, as far as its DMA channel is open or, without DMA, as far as the guest has moved data
//! through the FIFO. A drive without a disk, a wrong data rate and single density find no address mark, at once.

mod bus;
mod command;
mod controller;
mod data;
mod disk;
mod execute;
mod progress;
mod status;
#[cfg(test)]
mod tests;

pub use bus::{PORTS, region};
pub use controller::Floppy;
pub use disk::{Disk, Geometry};
