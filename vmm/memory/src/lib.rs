//! Memory that was mapped for a VMM, as its devices reach it. The only VMM crate with unsafe code.
//!
//! [`MappedRam`] is guest RAM ([`vmm_bus::GuestMemory`]). The guest's processors write it at any moment, so
//! it is never a reference to anything but atomics: [`volatile`] copies it word by word.
#![no_std]

extern crate alloc;

mod ram;
mod volatile;

pub use ram::{MappedRam, REGIONS_MAX, RamError, RamRegion};

#[cfg(test)]
mod tests;
