//! Disks and CD-ROM drives as PCs have them, each behind its controller.
//!
//! - [`Drive`]: what hangs on a cable, made over a [`vmm_bus::Volume`] ([`drive`]): a disk ([`disk`]) or a CD-ROM
//!   drive ([`optical`]). It executes the commands in its registers ([`registers`]) and says which data moves.
//! - [`Ahci`]: the controller of PCs since 2004 ([`ahci`]).
//! - [`Ide`]: the one before, at ports that every PC had ([`ide`]).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod ahci;
mod disk;
mod drive;
pub mod ide;
mod identification;
mod optical;
mod registers;

pub use ahci::Ahci;
pub use disk::{DiskConfig, SERIAL_BYTES};
pub use drive::Drive;
pub use ide::Ide;
