//! Parts of every PCI function: configuration space, BARs, capabilities, MSI-X, and how
//! processors reach configuration space.
//!
//! Functions sit on the root bus or behind one of its bridges ([`Bridge`]); there is no deeper
//! hierarchy. [`Function`] is the part that every device on the bus is built around.

pub mod bar;
pub mod bridge;
pub mod capability;
pub mod config_space;
pub mod express;
pub mod function;
pub mod mechanism;
pub mod msi;
pub mod msix;
pub mod window;

pub use bar::BarKind;
pub use bridge::{Bridge, Forwarded};
pub use config_space::{ConfigSpace, Identity};
pub use express::ExpressRole;
pub use function::{Function, FunctionState};
pub use mechanism::{ConfigAddress, Place};
pub use msix::MsixTable;
pub use window::{Space, Window};
