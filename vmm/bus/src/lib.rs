//! What a device sees of its machine, and what the machine sees of its devices.
//!
//! A device is a value: register accesses, guest notifications and the time go in, [`Effects`]
//! come out. It knows no thread, lock, clock or system call. The [`Bus`] owns the devices of one
//! machine and finds the one that answers at a port, an address or a PCI function; whoever owns
//! the bus carries out the effects.
//!
//! - [`Device`] and [`Context`]: the contract ([`device`]).
//! - [`Effects`]: what the outside must do afterwards ([`effects`]).
//! - [`GuestMemory`]: guest RAM, always copied, never a Rust reference ([`memory`]);
//!   [`Volume`]: the bytes behind a disk ([`volume`]).
//! - [`Line`], [`Msi`], [`InterruptController`]: interrupts ([`interrupt`]).
//! - [`DirectMemory`], [`DirectRange`]: memory of devices that the guest reaches without being left ([`direct`]).
//! - [`Bus`] over [`RangeTable`]: dispatch ([`bus`], [`range_table`]).
//! - [`pci`]: [`pci::Function`], the part of every PCI device, and what it is made of.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod access;
pub mod bus;
pub mod device;
pub mod device_id;
pub mod direct;
pub mod effects;
pub mod flat_memory;
pub mod inspect;
pub mod interrupt;
pub mod memory;
pub mod pci;
pub mod range_table;
mod reach;
pub mod saved;
pub mod volume;

pub use access::AccessSize;
pub use bus::{Bus, BusError};
pub use device::{Context, Device, Doorbell, Region};
pub use device_id::DeviceId;
pub use direct::{DirectId, DirectMemory, DirectRange, VecMemory};
pub use effects::{Attention, Effects, PowerRequest};
pub use flat_memory::FlatMemory;
pub use inspect::{Inspector, TextInspector};
pub use interrupt::{InterruptController, Level, Line, Msi};
pub use memory::{GuestMemory, GuestRange, MemoryError};
pub use range_table::RangeTable;
pub use volume::{ByteVolume, Volume, VolumeError};

#[cfg(test)]
mod tests;
