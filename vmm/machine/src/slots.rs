//! PCI devices of bus 0: their places, their windows, their interrupt pins.

use crate::{error::PlanError, layout};
use base_units::Gpa;

/// Slot of the host bridge.
const HOST_BRIDGE_SLOT: u8 = 0;
/// Slot of the virtio console.
const CONSOLE_SLOT: u8 = 1;
/// Slot of the entropy device.
const ENTROPY_SLOT: u8 = 2;
/// Slot of the memory balloon.
const BALLOON_SLOT: u8 = 3;
/// Slot of the first disk; the others follow.
const FIRST_DISK_SLOT: u8 = 4;
/// Address space that each slot's BARs get: room for a virtio register BAR and an MSI-X BAR.
const WINDOW_BYTES: u64 = 1 << 20;

/// What sits in a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PciRole {
    /// The host bridge.
    HostBridge,
    /// virtio console.
    Console,
    /// virtio entropy.
    Entropy,
    /// virtio memory balloon.
    Balloon,
    /// virtio block, by index of the disk in the machine's description.
    Disk(u8),
}

/// One slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PciSlot {
    /// What sits there.
    pub role: PciRole,
    /// Device number on bus 0; the function is 0.
    pub device: u8,
    /// Address space for the device's BARs.
    pub window: Gpa,
    /// Bytes of it.
    pub window_bytes: u64,
    /// I/O APIC pin of INTA.
    pub interrupt: u32,
}

/// The slots of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PciSlots {
    disks: u8,
}

impl PciSlots {
    /// Plans the slots of a machine with so many disks.
    pub fn new(disks: usize) -> Result<Self, PlanError> {
        if disks > vmm_protocol::DISKS_MAX {
            return Err(PlanError::Disks(disks));
        }
        let disks = u8::try_from(disks).map_err(|_| PlanError::Disks(disks))?;
        Ok(Self { disks })
    }

    /// All slots in the order of their device numbers.
    pub fn iter(&self) -> impl Iterator<Item = PciSlot> + use<> {
        let fixed = [
            (PciRole::HostBridge, HOST_BRIDGE_SLOT),
            (PciRole::Console, CONSOLE_SLOT),
            (PciRole::Entropy, ENTROPY_SLOT),
            (PciRole::Balloon, BALLOON_SLOT),
        ];
        let disks = (0..self.disks).map(|index| (PciRole::Disk(index), FIRST_DISK_SLOT + index));
        fixed.into_iter().chain(disks).map(|(role, device)| slot(role, device))
    }
}

fn slot(role: PciRole, device: u8) -> PciSlot {
    PciSlot {
        role,
        device,
        window: Gpa::new(layout::PCI_WINDOW_START.raw() + u64::from(device) * WINDOW_BYTES),
        window_bytes: WINDOW_BYTES,
        interrupt: interrupt_of(device),
    }
}

/// The I/O APIC pin of INTA of a device.
pub(crate) fn interrupt_of(device: u8) -> u32 {
    layout::PCI_INTERRUPT_FIRST + u32::from(device) % layout::PCI_INTERRUPTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn windows_are_aligned_and_inside_of_the_pci_hole() {
        let slots: Vec<_> = PciSlots::new(vmm_protocol::DISKS_MAX).unwrap().iter().collect();

        assert_eq!(slots.len(), 4 + vmm_protocol::DISKS_MAX);
        for (index, slot) in slots.iter().enumerate() {
            assert_eq!(usize::from(slot.device), index);
            assert!(slot.window.is_aligned(slot.window_bytes));
            assert!(slot.window.raw() + slot.window_bytes <= layout::PCI_WINDOW_END.raw());
            assert!(slot.interrupt < layout::IO_APIC_PINS);
        }
    }

    #[test]
    fn more_disks_than_slots_are_refused() {
        assert_eq!(PciSlots::new(17), Err(PlanError::Disks(17)));
    }
}
