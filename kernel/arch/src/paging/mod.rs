//! The kernel's address space.
//!
//! Four parts of the upper half, the same in every process:
//!
//! | where | what |
//! |---|---|
//! | `DIRECT_BASE` + physical address | kernel blocks: RAM that ring 0 keeps its own objects in. Nothing else is mapped there. |
//! | `WINDOW_BASE` | temporary windows, a few per processor: how ring 0 reaches any other RAM |
//! | `DEVICE_BASE`, `STACK_BASE`, `LARGE_BASE` | registers of devices; stacks between guard pages; the framebuffer |
//! | `0xffff_ffff_8020_0000` | the image: code, constants and data, each with exactly its permissions |
//!
//! Guest memory and the memory of programs is thus not mapped in ring 0, but for the page that is being copied.

pub mod carve;
pub mod device;
pub mod direct;
mod kernel_half;
mod stack;
mod table;
mod window;

pub(crate) use carve::Carve;
pub(crate) use kernel_half::{activate, enter, root, share_kernel_half, take_over, trampoline_root};
pub(crate) use stack::{AREA_PAGES, Area, is_mapped_stack, new_area};
pub(crate) use table::{CODE, CONSTANT, DATA};
pub(crate) use window::{BoardMemory, WINDOWS, swap_u32};
pub use window::{copy_page, read_memory, write_memory, zero_pages};

/// Where kernel blocks are mapped: physical address 0 would be here.
pub(crate) const DIRECT_BASE: u64 = 0xffff_8000_0000_0000;
/// The temporary windows.
pub(crate) const WINDOW_BASE: u64 = 0xffff_ffff_c000_0000;
/// Registers of devices.
pub(crate) const DEVICE_BASE: u64 = 0xffff_ffff_c020_0000;
/// Stacks and their guard pages.
pub(crate) const STACK_BASE: u64 = 0xffff_ffff_c040_0000;
/// The framebuffer, in large pages.
pub(crate) const LARGE_BASE: u64 = 0xffff_ffff_e000_0000;
