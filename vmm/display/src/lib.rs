//! Displays of a PC as values, and what they show as pixels.
//!
//! - [`vga`]: VGA with the extension of Bochs and QEMU, which firmware and every operating system know.
//! - [`gpu`]: virtio-gpu, for drivers that know it.
//! - [`virtio_vga`]: both in one function: VGA until a driver of virtio-gpu shows something.
//! - [`frame`]: what a display shows at a moment, line by line; [`text`]: the same as characters.
//! - [`screen`]: finds the lines that changed since the last look.
//! - [`fuzz`]: entry points for fuzzers.
//! - [`edid`]: what a screen says of itself.
//!
//! The devices run no timer and draw nothing by themselves: who wants to see something asks for it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod edid;
pub mod frame;
pub mod fuzz;
pub mod gpu;
mod pages;
pub mod screen;
pub mod text;
pub mod vga;
pub mod virtio_vga;

pub use frame::{Frame, Size};
pub use gpu::Gpu;
pub use screen::Screen;
pub use text::TextPage;
pub use vga::Vga;
pub use virtio_vga::VirtioVga;
