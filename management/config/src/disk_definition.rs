//! The disks of a virtual machine.

use crate::{
    BootDefinition, ConfigError, FileName, Problem,
    boot_definition::{DISK_BUS_WORDS, DISK_BUSES},
    table::Table,
};
use alloc::vec::Vec;
use vmm_protocol::{AHCI_DRIVES_MAX, DiskBus, IDE_DRIVES_MAX};

/// Disks of one VM at the most.
pub const DISKS_MAX: usize = vmm_protocol::DISKS_MAX;

const KEYS: &[&str] = &["file", "read_only", "bus"];

/// One disk of a VM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiskDefinition {
    /// Its first content. What the guest writes stays in memory.
    pub file: FileName,
    /// The guest may not write.
    pub read_only: bool,
    /// How it is attached; the micro platform has virtio only.
    pub bus: DiskBus,
}

pub(crate) fn read_disks(
    table: &Table<'_>,
    boot: &BootDefinition,
) -> Result<Vec<DiskDefinition>, ConfigError> {
    let tables = table.tables("disks", "a disk", DISKS_MAX)?;
    let disks: Vec<DiskDefinition> =
        tables.iter().map(|table| read_disk(table, boot)).collect::<Result<_, _>>()?;
    let cdrom =
        |bus| usize::from(boot.pc().and_then(|pc| pc.cdrom.as_ref()).is_some_and(|(_, on)| *on == bus));
    let drives = |bus| disks.iter().filter(|disk| disk.bus == bus).count() + cdrom(bus);
    for (bus, what, most) in [
        (DiskBus::Ahci, "disks and CD-ROMs on ahci", usize::from(AHCI_DRIVES_MAX)),
        (DiskBus::Ide, "disks and CD-ROMs on ide", usize::from(IDE_DRIVES_MAX)),
    ] {
        if drives(bus) > most {
            return Err(ConfigError::at(table.place(), Problem::TooMany { what, most }));
        }
    }
    Ok(disks)
}

fn read_disk(table: &Table<'_>, boot: &BootDefinition) -> Result<DiskDefinition, ConfigError> {
    table.allow_only(KEYS)?;
    let file = table.require("file", "file = \"disk.img\"", table.text("file")?)?;
    let read_only = table.truth("read_only")?.unwrap_or(false);
    let bus = table.choice("bus", DISK_BUS_WORDS, &DISK_BUSES)?;
    if let Some(found) = bus.filter(|found| boot.pc().is_none() && found.value != DiskBus::Virtio) {
        let reason = "the micro platform has virtio disks only; use a PC (firmware = \"uefi\") for this bus";
        return Err(ConfigError::at(found.place, Problem::Conflict { key: "bus", reason }));
    }
    let bus = bus.map_or(DiskBus::Virtio, |found| found.value);
    Ok(DiskDefinition { file: FileName::read("file", file)?, read_only, bus })
}
