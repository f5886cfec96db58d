//! Drives that share a controller.

use crate::board::{Parts, access, serial};
use alloc::{format, string::String, vec::Vec};
use user_rt::PrivateBytes;
use vmm_bus::{ByteVolume, Line};
use vmm_chipset::floppy;
use vmm_disks::{Ahci, DiskConfig, Drive, Ide, ide};
use vmm_machine::pc::{DriveKind, PcDrive, PcPlan, Seat};
use vmm_nvme::{Nvme, NvmeConfig};

/// What the drives hold.
pub(super) type Medium = ByteVolume<PrivateBytes>;

/// The AHCI controller with all drives that the plan attaches to it.
pub(super) fn ahci(parts: &Parts<'_>, plan: &PcPlan, line: Line) -> Result<Ahci<Medium>, String> {
    let at_port = |drive: &PcDrive| match drive.seat {
        Seat::Ahci { port } => Some(usize::from(port)),
        _ => None,
    };
    let drives = gather(parts, plan, vmm_disks::ahci::PORTS, at_port)?;
    Ok(Ahci::new(line, drives))
}

/// The IDE controller with all drives that the plan attaches to it. `source` tells it from others on its lines.
pub(super) fn ide(parts: &Parts<'_>, plan: &PcPlan, source: u8) -> Result<Ide<Medium>, String> {
    let at_place = |drive: &PcDrive| match drive.seat {
        Seat::Ide { channel, unit } => Some(usize::from(channel) * ide::DRIVES + usize::from(unit)),
        _ => None,
    };
    let drives = gather(parts, plan, ide::CHANNELS * ide::DRIVES, at_place)?;
    Ok(Ide::new(source, drives))
}

/// An NVMe controller with one disk.
pub(super) fn nvme(parts: &Parts<'_>, index: u8, line: Line) -> Result<Nvme<Medium>, String> {
    let (config, memory) = parts.disk(index)?;
    let volume = parts.volume(config.bytes, memory)?;
    Ok(Nvme::new(NvmeConfig { access: access(config), serial: serial(index) }, line, volume))
}

/// The floppy in drive A.
pub(super) fn floppy(parts: &Parts<'_>) -> Result<Option<floppy::Disk<Medium>>, String> {
    let Some((config, memory)) = &parts.media.floppy else { return Ok(None) };
    let volume = parts.volume(config.bytes, memory)?;
    let bytes = config.bytes;
    floppy::Disk::new(volume, access(config)).map(Some).ok_or_else(|| {
        format!("a floppy of {bytes} bytes does not exist; the usual image has 1474560 (1.44 MB)")
    })
}

/// The drives of one controller, each at the place that `place_of` says.
fn gather(
    parts: &Parts<'_>,
    plan: &PcPlan,
    places: usize,
    place_of: impl Fn(&PcDrive) -> Option<usize>,
) -> Result<Vec<Option<Drive<Medium>>>, String> {
    let mut drives: Vec<Option<Drive<Medium>>> = (0..places).map(|_| None).collect();
    for planned in &plan.drives {
        let Some(place) = place_of(planned).and_then(|place| drives.get_mut(place)) else { continue };
        *place = Some(drive(parts, planned)?);
    }
    Ok(drives)
}

fn drive(parts: &Parts<'_>, planned: &PcDrive) -> Result<Drive<Medium>, String> {
    match planned.kind {
        DriveKind::Disk => {
            let (config, memory) = parts.disk(planned.index)?;
            let volume = parts.volume(config.bytes, memory)?;
            Ok(Drive::disk(DiskConfig { access: access(config), serial: serial(planned.index) }, volume))
        }
        DriveKind::Cdrom => {
            let (bytes, memory) = parts.cdrom(planned.index)?;
            // An empty file is a drive without a disc.
            let medium = if *bytes == 0 { None } else { Some(parts.volume(*bytes, memory)?) };
            Ok(Drive::cd_rom(medium))
        }
    }
}
