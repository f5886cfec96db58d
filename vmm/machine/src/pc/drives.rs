//! Where each disk and CD-ROM is attached.

use super::layout;
use crate::error::PlanError;
use alloc::vec::Vec;
use vmm_protocol::{AHCI_DRIVES_MAX, DISKS_MAX, DiskBus, DiskConfig, IDE_DRIVES_MAX, NICS_MAX, PcDevices};

/// Drives of one IDE channel.
const IDE_UNITS: u8 = 2;

/// What a drive holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DriveKind {
    /// A disk.
    Disk,
    /// A CD-ROM.
    Cdrom,
}

/// Where a drive is attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seat {
    /// A PCI function of its own: virtio-blk.
    Virtio {
        /// Slot on bus 0.
        slot: u8,
    },
    /// A PCI function of its own behind a root port: NVMe.
    Nvme {
        /// Slot of the port on bus 0.
        slot: u8,
    },
    /// A port of the AHCI controller.
    Ahci {
        /// Number of the port.
        port: u8,
    },
    /// A place at the IDE controller.
    Ide {
        /// 0 = primary.
        channel: u8,
        /// 0 = master.
        unit: u8,
    },
}

/// A drive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PcDrive {
    /// What it holds.
    pub kind: DriveKind,
    /// Index among the disks, or among the CD-ROMs, of the machine's description.
    pub index: u8,
    /// Where it is attached.
    pub seat: Seat,
}

/// Attaches all drives: disks first, then CD-ROMs.
pub(super) fn plan(disks: &[DiskConfig], devices: &PcDevices) -> Result<Vec<PcDrive>, PlanError> {
    if disks.len() > DISKS_MAX {
        return Err(PlanError::Disks(disks.len()));
    }
    if devices.nics.len() > NICS_MAX {
        return Err(PlanError::Nics(devices.nics.len()));
    }
    let nics = u8::try_from(devices.nics.len()).map_err(|_| PlanError::Nics(devices.nics.len()))?;
    let mut seats = Seats { slot: layout::FIRST_FREE_SLOT.saturating_add(nics), ahci: 0, ide: 0 };
    let mut drives = Vec::new();
    for (index, disk) in (0..).zip(disks) {
        drives.push(PcDrive { kind: DriveKind::Disk, index, seat: seats.take(disk.bus)? });
    }
    for (index, cdrom) in (0..).zip(&devices.cdroms) {
        if !matches!(cdrom.bus, DiskBus::Ahci | DiskBus::Ide) {
            return Err(PlanError::CdromBus);
        }
        drives.push(PcDrive { kind: DriveKind::Cdrom, index, seat: seats.take(cdrom.bus)? });
    }
    Ok(drives)
}

/// The next free place of each kind.
struct Seats {
    slot: u8,
    ahci: u8,
    ide: u8,
}

impl Seats {
    fn take(&mut self, bus: DiskBus) -> Result<Seat, PlanError> {
        Ok(match bus {
            DiskBus::Virtio => Seat::Virtio { slot: self.take_slot()? },
            DiskBus::Nvme => Seat::Nvme { slot: self.take_slot()? },
            DiskBus::Ahci => {
                let port = next(&mut self.ahci, AHCI_DRIVES_MAX, PlanError::AhciDrives)?;
                Seat::Ahci { port }
            }
            DiskBus::Ide => {
                let drive = next(&mut self.ide, IDE_DRIVES_MAX, PlanError::IdeDrives)?;
                Seat::Ide { channel: drive / IDE_UNITS, unit: drive % IDE_UNITS }
            }
        })
    }

    fn take_slot(&mut self) -> Result<u8, PlanError> {
        next(&mut self.slot, layout::FREE_SLOTS_END, PlanError::PciDevices)
    }
}

fn next(free: &mut u8, end: u8, full: PlanError) -> Result<u8, PlanError> {
    if *free >= end {
        return Err(full);
    }
    let taken = *free;
    *free += 1;
    Ok(taken)
}
