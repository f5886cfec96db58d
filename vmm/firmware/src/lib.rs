//! Places a kernel in guest memory and says how to enter it.
//!
//! [`place`] looks at the kernel file and takes one of two ways:
//! - a bzImage is entered by Linux' 64-bit boot protocol ([`linux`]);
//! - an ELF file with a PVH note is entered in 32-bit protected mode ([`elf`]).
//!
//! A machine that starts with firmware of its own needs neither: [`power_on`] is the state after reset.
//!
//! Nothing is copied here: the answer, a [`BootImage`], lists what belongs where and the registers of
//! the first instruction. The kernel file is foreign: whatever it says is checked against the
//! machine's memory, and what is wrong with it is a [`FirmwareError`] that reads as a sentence.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod elf;
mod error;
mod image;
mod layout;
mod linux;
mod place;
mod registers;
mod source;
#[cfg(test)]
mod tests;

pub use error::FirmwareError;
pub use image::{BootImage, Content, Piece};
pub use linux::real_mode_bytes;
pub use place::{BootRequest, place};
pub use registers::{Segment, StartRegisters, power_on};
pub use source::FileBytes;
