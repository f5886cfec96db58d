//! VGA with a linear frame buffer: QEMU's "standard VGA", which stock firmware and drivers know.
//!
//! - [`Vga`]: the device ([`state`], on the bus in [`bus`], saved in [`saved`]).
//! - [`registers`], [`palette`], [`vbe`]: the registers; [`ports`] and [`mmio`] say where each of them answers.
//! - [`memory`], [`window`], [`planes`]: video memory and what the window at 0xA0000 shows of it.
//! - [`picture`]: what is shown; [`retrace`]: where the beam is.
//!
//! The guest reaches the frame buffer, text, and pixels of a byte each without being left: they are direct
//! ranges. Only planes with their latches cost an exit for each access.
//!
//! As in QEMU (hw/display/vga.c), legacy ports and the legacy window answer whatever the command register says,
//! and the RAM enable of the miscellaneous output register does nothing.

mod bus;
mod memory;
mod mmio;
mod palette;
mod picture;
mod planes;
mod ports;
mod registers;
mod retrace;
mod saved;
mod state;
#[cfg(test)]
mod tests;
mod vbe;
mod window;

pub(crate) use bus::map;
pub use bus::{
    FRAME_BUFFER_REGION, MEMORY_REGION, MONO_PORTS_REGION, PORTS_REGION, VBE_PORTS_REGION, WINDOW_REGION,
};
pub use memory::TEXT_BYTES;
pub(crate) use state::add_bars;
pub use state::{MEMORY_BYTES, Vga};
