//! The memory that holds a PC's firmware.
//!
//! - [`Flash`]: NOR flash with the Intel command set ([`commands`]), as firmware keeps its variables in; it
//!   knows which of its blocks were written ([`blocks`]).
//! - [`Rom`]: bytes that nobody changes.
//!
//! What a guest reads in a device's normal state it reads as memory, without being left. Writes always
//! come to the device; while flash answers a command, reads come too.
//!
//! - [`cfi`]: the table by which software recognises the chip.
//! - [`fuzz`]: entry points for fuzzers.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod blocks;
pub mod cfi;
pub mod commands;
mod flash;
pub mod fuzz;
mod rom;
#[cfg(test)]
mod tests;

pub use blocks::{BLOCK_BYTES, BlockSet};
pub use flash::Flash;
pub use rom::{Rom, RomWindow};

/// The only region of these devices: all of their memory.
pub const REGION: vmm_bus::Region = vmm_bus::Region(0);
