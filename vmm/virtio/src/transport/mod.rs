//! virtio over PCI (4.1): the registers of every virtio device.
//!
//! One memory BAR holds all of it, a page for each part, and every queue has a notification address of
//! its own, so that a kernel can turn writes to it into events ([`vmm_bus::Doorbell`]).

mod bus;
mod capabilities;
mod common_registers;
mod interrupts;
mod layout;
mod negotiation;
mod pci_access;
mod saved;
mod state;

pub use layout::{BAR, BAR_BYTES};
pub use state::VirtioPci;
