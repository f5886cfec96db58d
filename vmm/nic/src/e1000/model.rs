//! How the controllers of the family differ.

use spec::{e1000::cause, pci::CAPABILITY_POWER};
use vmm_bus::{
    Line,
    pci::{BarKind, ExpressRole, Function, Identity, express, function::MsixPlace},
};

/// A controller of the family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// 82540EM: PCI, one interrupt line. Old systems know it.
    I82540em,
    /// 82574L: PCI Express, messages, two pairs of rings.
    I82574l,
}

/// The BAR of the registers in memory, and its bytes.
pub(super) const MEMORY_BAR: u16 = 0;
const MEMORY_BYTES: u64 = 0x2_0000;
/// The 82574's BAR of flash memory, which reads as nothing.
const FLASH_BAR: u8 = 1;
/// The 82574's BAR of MSI-X structures.
const MSIX_BAR: u8 = 3;
const MSIX_BYTES: u64 = 0x4000;
const MSIX_PENDING: u32 = 0x2000;
/// Vectors of the 82574.
pub(super) const VECTORS: u16 = 5;

const ETHERNET: u32 = 0x02_00_00;

const I82540EM: Identity = Identity {
    vendor: 0x8086,
    device: 0x100E,
    subsystem_vendor: 0x8086,
    subsystem: 0x001E,
    class: ETHERNET,
    revision: 2,
};

const I82574L: Identity = Identity {
    vendor: 0x8086,
    device: 0x10D3,
    subsystem_vendor: 0x8086,
    subsystem: 0,
    class: ETHERNET,
    revision: 0,
};

/// Power management without id and link: version 2, no reset on the way from D3 to D0.
const POWER: [u8; 6] = [0x02, 0x00, 0x08, 0, 0, 0];
const POWER_WRITABLE: [u8; 6] = [0, 0, 0x03, 0, 0, 0];

impl Model {
    pub(super) fn name(self) -> &'static str {
        match self {
            Model::I82540em => "e1000",
            Model::I82574l => "e1000e",
        }
    }

    pub(super) fn identity(self) -> &'static Identity {
        match self {
            Model::I82540em => &I82540EM,
            Model::I82574l => &I82574L,
        }
    }

    /// The BAR of the ports.
    pub(super) fn port_bar(self) -> u16 {
        match self {
            Model::I82540em => 1,
            Model::I82574l => 2,
        }
    }

    /// Configuration space and interrupts.
    pub(super) fn function(self, line: Line) -> Function {
        let ports = self.port_bar() as u8;
        let mut function =
            Function::new(self.identity()).with_line(line).with_bar(0, BarKind::Memory32, MEMORY_BYTES);
        if self == Model::I82540em {
            return function.with_bar(ports, BarKind::Io, 64);
        }
        function.config_mut().add_capability(CAPABILITY_POWER, &POWER, &POWER_WRITABLE);
        let place = MsixPlace { vectors: VECTORS, bar: MSIX_BAR, table: 0, pending: MSIX_PENDING };
        function = function.with_msi();
        express::add(function.config_mut(), ExpressRole::Endpoint);
        function
            .with_msix(place)
            .with_bar(FLASH_BAR, BarKind::Memory32, MEMORY_BYTES)
            .with_bar(ports, BarKind::Io, 32)
            .with_bar(MSIX_BAR, BarKind::Memory32, MSIX_BYTES)
    }

    /// Rings in each direction.
    pub(super) fn rings(self) -> usize {
        match self {
            Model::I82540em => 1,
            Model::I82574l => 2,
        }
    }

    /// Causes of interrupts that exist.
    pub(super) fn causes(self) -> u32 {
        match self {
            Model::I82540em => 0x0001_FFDF,
            Model::I82574l => 0x0007_FFDF | cause::VECTORED,
        }
    }

    /// Second half of the PHY's identity: an 88E1011 and a BM PHY.
    pub(super) fn phy_id(self) -> u16 {
        match self {
            Model::I82540em => 0x0C20,
            Model::I82574l => 0x0CB1,
        }
    }
}
