//! Parts of every PCI function: configuration space, BARs, capabilities, MSI-X, and how
//! processors reach configuration space.
//!
//! Functions sit on the root bus or behind one of its bridges ([`BridgeBuses`]); there is no deeper
//! hierarchy. [`Function`] is the part that every device on the bus is built around.

pub mod bar;
pub mod capability;
pub mod config_space;
pub mod function;
pub mod mechanism;
pub mod msi;
pub mod msix;
pub mod window;

pub use bar::BarKind;
pub use config_space::{ConfigSpace, Identity};
pub use function::{Function, FunctionState};
pub use mechanism::{ConfigAddress, Place};
pub use msix::MsixTable;
pub use window::{Space, Window};

/// The buses behind a bridge, as software numbered them. A number of zero is no bus: not set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BridgeBuses {
    /// The bus right behind the bridge.
    pub secondary: u8,
}
