//! PCI functions: their places and their interrupts.
//!
//! Functions that are PCI Express endpoints by nature, NVMe controllers and e1000e cards, sit alone behind a root port of
//! their own. The others are part of the root complex.

use super::{
    drives::{PcDrive, Seat},
    layout,
};
use crate::error::PlanError;
use alloc::vec::Vec;
use vmm_protocol::{Display, NicModel, PcDevices};

/// INTx pins of a slot.
const PINS: u8 = 4;
/// The first slot whose pins the chipset wires straight: slots from here on have their own routes.
const FIRST_STRAIGHT_SLOT: u8 = 25;
/// The slot of the bridge to conventional PCI, whose pins go to the upper four requests.
const PCI_BRIDGE_SLOT: u8 = 30;

/// What a function is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PcRole {
    /// The host bridge (MCH).
    HostBridge,
    /// A PCI Express root port with one function behind it.
    RootPort,
    /// The display.
    Display(Display),
    /// The USB controller (xHCI).
    Usb,
    /// virtio entropy.
    Entropy,
    /// virtio memory balloon.
    Balloon,
    /// virtio console.
    Console,
    /// A network card.
    Nic {
        /// Index in the machine's description.
        index: u8,
        /// Its kind.
        model: NicModel,
    },
    /// A virtio disk.
    VirtioDisk {
        /// Index in the machine's description.
        index: u8,
    },
    /// An NVMe controller with one disk.
    Nvme {
        /// Index of the disk in the machine's description.
        index: u8,
    },
    /// The ISA bridge (LPC).
    IsaBridge,
    /// The IDE controller. It interrupts at ISA interrupts 14 and 15.
    Ide,
    /// The AHCI controller.
    Ahci,
}

/// An INTx interrupt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PcInterrupt {
    /// What configuration space says: 1 = INTA.
    pub pin: u8,
    /// Pin of the I/O APIC: PIRQA is [`layout::PIRQ_FIRST`].
    pub line: u8,
}

/// One function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PcFunction {
    /// What it is.
    pub role: PcRole,
    /// Slot of the root port that it sits behind; without, it is on bus 0.
    pub behind: Option<u8>,
    /// Device number on its bus.
    pub slot: u8,
    /// Function number.
    pub function: u8,
    /// Its interrupt, if it has one of PCI.
    pub interrupt: Option<PcInterrupt>,
}

impl PcFunction {
    /// The slot of bus 0 that it, or the port that it sits behind, is in.
    pub fn root_slot(&self) -> u8 {
        self.behind.unwrap_or(self.slot)
    }
}

/// The I/O APIC pin at which pin `pin` (1 = INTA) of a slot comes in. Firmware and the ACPI tables know the
/// same wiring (ICH9 data sheet, 10.1.20 and on, after reset).
pub const fn interrupt_of(slot: u8, pin: u8) -> u8 {
    let pin = pin.saturating_sub(1) % PINS;
    let request = if slot == PCI_BRIDGE_SLOT {
        PINS + pin
    } else if slot >= FIRST_STRAIGHT_SLOT {
        pin
    } else {
        PINS + (slot % PINS + pin) % PINS
    };
    layout::PIRQ_FIRST + request
}

/// All functions of a machine in the order of their places, a port before what is behind it.
pub(super) fn plan(devices: &PcDevices, drives: &[PcDrive]) -> Result<Vec<PcFunction>, PlanError> {
    let mut functions = alloc::vec![silent(PcRole::HostBridge, layout::HOST_BRIDGE_SLOT, 0)];
    if devices.display != Display::None {
        functions.push(wired(PcRole::Display(devices.display), layout::DISPLAY_SLOT, 0));
    }
    if devices.usb {
        functions.push(wired(PcRole::Usb, layout::USB_SLOT, 0));
    }
    functions.push(wired(PcRole::Entropy, layout::ENTROPY_SLOT, 0));
    functions.push(wired(PcRole::Balloon, layout::BALLOON_SLOT, 0));
    functions.push(wired(PcRole::Console, layout::CONSOLE_SLOT, 0));
    let mut free = layout::FIRST_FREE_SLOT;
    for (index, model) in (0..).zip(&devices.nics) {
        let nic = PcRole::Nic { index, model: *model };
        match model {
            NicModel::E1000e => functions.extend(behind_port(nic, free)),
            NicModel::Virtio | NicModel::E1000 => functions.push(wired(nic, free, 0)),
        }
        free = free.saturating_add(1);
    }
    for drive in drives {
        match drive.seat {
            Seat::Virtio { slot } => {
                functions.push(wired(PcRole::VirtioDisk { index: drive.index }, slot, 0));
            }
            Seat::Nvme { slot } => functions.extend(behind_port(PcRole::Nvme { index: drive.index }, slot)),
            Seat::Ahci { .. } | Seat::Ide { .. } => {}
        }
    }
    if functions.last().is_some_and(|last| last.root_slot() >= layout::FREE_SLOTS_END) {
        return Err(PlanError::PciDevices);
    }
    let chipset = layout::CHIPSET_SLOT;
    functions.push(silent(PcRole::IsaBridge, chipset, layout::LPC_FUNCTION));
    if drives.iter().any(|drive| matches!(drive.seat, Seat::Ide { .. })) {
        functions.push(silent(PcRole::Ide, chipset, layout::IDE_FUNCTION));
    }
    if drives.iter().any(|drive| matches!(drive.seat, Seat::Ahci { .. })) {
        functions.push(wired(PcRole::Ahci, chipset, layout::AHCI_FUNCTION));
    }
    Ok(functions)
}

/// A root port in `slot` and the function behind it. A bridge passes INTA of the first slot behind it on as INTA of
/// its own (PCI-to-PCI Bridge Architecture 1.2, 9.1).
fn behind_port(role: PcRole, slot: u8) -> [PcFunction; 2] {
    let port = wired(PcRole::RootPort, slot, 0);
    [port, PcFunction { role, behind: Some(slot), slot: 0, ..port }]
}

/// A function that interrupts at INTA of its slot.
fn wired(role: PcRole, slot: u8, function: u8) -> PcFunction {
    let pin = 1;
    PcFunction {
        interrupt: Some(PcInterrupt { pin, line: interrupt_of(slot, pin) }),
        ..silent(role, slot, function)
    }
}

fn silent(role: PcRole, slot: u8, function: u8) -> PcFunction {
    PcFunction { role, behind: None, slot, function, interrupt: None }
}
