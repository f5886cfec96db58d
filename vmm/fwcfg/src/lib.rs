//! The fw_cfg device: named bytes that a machine gives to its firmware (QEMU, docs/specs/fw_cfg.rst).
//!
//! [`Content`] is what there is to read: items with well-known numbers ([`Key`]) and files with names. The
//! program puts it together before the machine starts; the guest cannot change it. [`FwCfg`] is the device:
//! a selector port, a data port, and a DMA register through which firmware has whole items copied.
//!
//! - [`Item`] and [`Source`]: bytes in memory, or bytes somewhere else ([`item`]).
//! - [`content`]: items, files and their directory.
//! - [`dma`]: requests in guest memory, carried out in bounded steps.
//! - [`fuzz`]: entry points for fuzzers.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod content;
mod device;
pub mod dma;
pub mod fuzz;
pub mod item;
#[cfg(test)]
mod tests;

pub use content::{Content, ContentError, Key};
pub use device::{FwCfg, PORT_DATA, PORT_DMA, PORT_SELECTOR, PORTS, REGION};
pub use item::{Item, Source};
