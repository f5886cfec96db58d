//! Memory that was mapped for a VMM, as its devices reach it. The only VMM crate with unsafe code.
//!
//! - [`MappedRam`]: guest RAM ([`vmm_bus::GuestMemory`]). The guest's processors write it at any moment,
//!   so it is never a Rust reference: [`volatile`] copies it word by word.
//! - [`MappedBytes`]: pages that belong to this process alone, such as a disk's. An ordinary slice;
//!   with [`vmm_bus::ByteVolume`] it makes a disk's volume.
//!
//! The trust is small: whoever maps the pages promises once, at construction, that they stay
//! mapped. Everything after that is checked here.
#![no_std]

extern crate alloc;

mod private;
mod ram;
mod volatile;

pub use private::MappedBytes;
pub use ram::{MappedRam, REGIONS_MAX, RamError, RamRegion};

#[cfg(test)]
mod tests;
