//! Parts of every PCI function: configuration space, BARs, capabilities, MSI-X, and how
//! processors reach configuration space.
//!
//! The machine has one bus with 32 slots, each with function 0 only.

pub mod bar;
pub mod capability;
pub mod config_space;
pub mod mechanism;
pub mod msix;

pub use bar::{BarKind, BarWindow};
pub use config_space::{ConfigSpace, Identity};
pub use mechanism::{ConfigAddress, Slot};
pub use msix::MsixTable;
