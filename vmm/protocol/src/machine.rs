//! A virtual machine as its owner described it, checked by the configuration parser.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// vCPUs of one VM at the most.
pub const VCPUS_MAX: u32 = 64;
/// Disks of one VM at the most, and CD-ROMs of one VM at the most.
pub const DISKS_MAX: usize = 16;
/// Network cards of one VM at the most.
pub const NICS_MAX: usize = 8;
/// Drives of the AHCI controller at the most.
pub const AHCI_DRIVES_MAX: u8 = 6;
/// Drives of the IDE controller at the most: two channels with two each.
pub const IDE_DRIVES_MAX: u8 = 4;

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineConfig {
    /// Name, for logs and for the guest's SMBIOS.
    pub name: String,
    /// Number of vCPUs, 1 to [`VCPUS_MAX`].
    pub vcpus: u32,
    /// RAM in bytes, a multiple of 4 KiB.
    pub memory_bytes: u64,
    /// What the first vCPU runs first. It decides what else the machine has: direct boot is the *micro* platform,
    /// firmware the *pc* platform.
    pub boot: Boot,
    /// The disks.
    pub disks: Vec<DiskConfig>,
}

/// What the first vCPU runs first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Boot {
    /// A kernel that the VMM places itself: the *micro* platform.
    Kernel(KernelBoot),
    /// Firmware at the reset vector: the *pc* platform.
    Firmware(FirmwareBoot),
}

impl Boot {
    /// Whether the machine has a display, which can be looked at ([`crate::screen`]).
    pub fn has_display(&self) -> bool {
        match self {
            Boot::Kernel(_) => false,
            Boot::Firmware(firmware) => firmware.devices.display != Display::None,
        }
    }
}

/// A kernel that is placed in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelBoot {
    /// Size of the kernel file in bytes.
    pub kernel_bytes: u64,
    /// Size of the initial RAM disk in bytes, if there is one.
    pub initrd_bytes: Option<u64>,
    /// Kernel command line.
    pub command_line: String,
}

/// A PC that starts its firmware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareBoot {
    /// What the firmware is.
    pub firmware: Firmware,
    /// Size of its code in bytes: what ends at 4 GiB.
    pub code_bytes: u64,
    /// Size of the variable store in bytes, which lies below the code: UEFI only.
    pub variables_bytes: Option<u64>,
    /// Size of the video BIOS in bytes: legacy BIOS with VGA only.
    pub video_bios_bytes: Option<u64>,
    /// A kernel that the firmware starts itself: UEFI only.
    pub kernel: Option<KernelBoot>,
    /// What a PC has that the micro platform has not.
    pub devices: PcDevices,
}

/// Devices of a PC besides its disks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PcDevices {
    /// CD-ROM drives.
    pub cdroms: Vec<CdromConfig>,
    /// The floppy in drive A: size in bytes and whether it is write-protected.
    pub floppy: Option<DiskConfig>,
    /// Display.
    pub display: Display,
    /// A USB controller with a keyboard and a tablet.
    pub usb: bool,
    /// Network cards.
    pub nics: Vec<NicModel>,
    /// What is tried first, second, ...; empty = the firmware's own order.
    pub boot_order: Vec<BootDevice>,
    /// What the real-time clock shows.
    pub clock: ClockBase,
}

/// Kinds of firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Firmware {
    /// UEFI in flash: code and variables.
    Uefi,
    /// A legacy BIOS in ROM, its last 128 KiB below 1 MiB too.
    Bios,
}

impl Firmware {
    /// The least RAM that stock firmware of this kind starts with, bytes.
    pub const fn memory_bytes_min(self) -> u64 {
        match self {
            Firmware::Uefi => 64 << 20,
            Firmware::Bios => 4 << 20,
        }
    }
}

/// How a disk is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskBus {
    /// virtio-blk.
    #[default]
    Virtio,
    /// SATA behind AHCI.
    Ahci,
    /// NVMe, a controller for each disk.
    Nvme,
    /// Parallel ATA at the legacy ports.
    Ide,
}

/// One disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskConfig {
    /// Size in bytes, a multiple of 512.
    pub bytes: u64,
    /// The guest may not write.
    pub read_only: bool,
    /// How it is attached. The micro platform has virtio only.
    pub bus: DiskBus,
}

/// One CD-ROM drive with its medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdromConfig {
    /// Size of the medium in bytes.
    pub bytes: u64,
    /// [`DiskBus::Ahci`] or [`DiskBus::Ide`].
    pub bus: DiskBus,
}

/// Kinds of display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Display {
    /// None: the serial line only.
    None,
    /// VGA with a linear frame buffer.
    #[default]
    Vga,
    /// VGA that a driver of virtio-gpu takes over.
    VirtioGpu,
}

/// Kinds of network cards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NicModel {
    /// virtio-net.
    #[default]
    Virtio,
    /// Intel 82574L.
    E1000e,
    /// Intel 82540EM, for old systems.
    E1000,
}

/// What firmware may boot from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BootDevice {
    /// The disks in their order.
    Disk,
    /// The CD-ROMs in their order.
    Cdrom,
    /// The floppy.
    Floppy,
    /// The network cards in their order.
    Network,
}

/// What the real-time clock shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockBase {
    /// UTC.
    #[default]
    Utc,
    /// Local time.
    Local,
}
