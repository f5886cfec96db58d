//! The boot order as firmware wants it: OpenFirmware device paths, the first choice first.

use super::{
    drives::{DriveKind, PcDrive, Seat},
    functions::{PcFunction, PcRole},
    layout,
};
use alloc::{format, string::String, vec::Vec};
use vmm_protocol::{BootDevice, PcDevices};

/// What follows a network card.
const NIC_REST: &str = "/ethernet-phy@0";

/// The file `bootorder`: one path a line, a zero at the end. Empty without a choice.
pub(super) fn file(devices: &PcDevices, drives: &[PcDrive], functions: &[PcFunction]) -> Vec<u8> {
    let mut paths: Vec<String> = Vec::new();
    for choice in &devices.boot_order {
        match choice {
            BootDevice::Disk => paths.extend(drive_paths(drives, DriveKind::Disk)),
            BootDevice::Cdrom => paths.extend(drive_paths(drives, DriveKind::Cdrom)),
            BootDevice::Floppy => paths.extend(devices.floppy.as_ref().map(|_| floppy_path())),
            BootDevice::Network => paths.extend(nic_paths(functions)),
        }
    }
    let mut file = paths.join("\n").into_bytes();
    if !file.is_empty() {
        file.push(0);
    }
    file
}

fn drive_paths(drives: &[PcDrive], kind: DriveKind) -> impl Iterator<Item = String> {
    drives.iter().filter(move |drive| drive.kind == kind).map(|drive| drive_path(drive.seat))
}

fn drive_path(seat: Seat) -> String {
    match seat {
        Seat::Virtio { slot } => path(slot, 0, "scsi", "/disk@0,0"),
        // Without the namespace, whose name firmware would compare with what the controller says.
        Seat::Nvme { slot } => path_behind(slot, "nvme", ""),
        Seat::Ahci { port } => {
            let drive = format!("/drive@{port:x}/disk@0");
            path(layout::CHIPSET_SLOT, layout::AHCI_FUNCTION, "pci8086,2922", &drive)
        }
        Seat::Ide { channel, unit } => {
            let drive = format!("/drive@{channel:x}/disk@{unit:x}");
            path(layout::CHIPSET_SLOT, layout::IDE_FUNCTION, "ide", &drive)
        }
    }
}

fn floppy_path() -> String {
    let drive = format!("/fdc@{:04x}/floppy@0", layout::FLOPPY_PORT);
    path(layout::CHIPSET_SLOT, layout::LPC_FUNCTION, "isa", &drive)
}

fn nic_paths(functions: &[PcFunction]) -> impl Iterator<Item = String> {
    let nics = functions.iter().filter(|function| matches!(function.role, PcRole::Nic { .. }));
    nics.map(|nic| match nic.behind {
        Some(port) => path_behind(port, "ethernet", NIC_REST),
        None => path(nic.slot, nic.function, "ethernet", NIC_REST),
    })
}

fn path(slot: u8, function: u8, name: &str, rest: &str) -> String {
    let function = if function == 0 { String::new() } else { format!(",{function:x}") };
    format!("/pci@i0cf8/{name}@{slot:x}{function}{rest}")
}

/// The path of the function behind the root port in slot `port`.
fn path_behind(port: u8, name: &str, rest: &str) -> String {
    path(port, 0, "pci-bridge", &format!("/{name}@0{rest}"))
}
