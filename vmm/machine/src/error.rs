//! Why a machine cannot be planned.

use crate::pc::layout;
use core::fmt;
use vmm_protocol::{AHCI_DRIVES_MAX, IDE_DRIVES_MAX};

/// What is wrong with a machine's description. Its [`Display`](fmt::Display) is a sentence for the VM's owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlanError {
    /// No vCPU, or more than the platform has: the number asked for.
    Vcpus(u32),
    /// RAM is not a multiple of 4 KiB: the bytes asked for.
    MemoryNotPages(u64),
    /// Less RAM than the platform's own structures need: the bytes asked for.
    MemoryTooSmall(u64),
    /// RAM does not fit the guest-physical address space: the bytes asked for.
    MemoryTooLarge(u64),
    /// More disks than there are PCI slots for: the number asked for.
    Disks(usize),
    /// Less RAM than the firmware needs: the bytes asked for, and the least there must be.
    MemoryTooSmallForFirmware(u64, u64),
    /// More network cards than a machine has: the number asked for.
    Nics(usize),
    /// More PCI devices than there are slots.
    PciDevices,
    /// More drives than the AHCI controller has ports.
    AhciDrives,
    /// More drives than the IDE controller has places.
    IdeDrives,
    /// A CD-ROM on a bus that has none.
    CdromBus,
    /// The firmware's size is not one that fits below 4 GiB: the bytes of its code.
    FirmwareSize(u64),
    /// The firmware's files are too many: a mistake of ours.
    Content,
    /// The ACPI tables do not fit their place: their size in bytes.
    TablesTooLarge(u64),
}

impl fmt::Display for PlanError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vcpus(count) => {
                write!(out, "a machine has 1 to {} vCPUs, not {count}", vmm_protocol::VCPUS_MAX)
            }
            Self::MemoryNotPages(bytes) => {
                write!(out, "memory must be a multiple of 4096 bytes, but {bytes} is not")
            }
            Self::MemoryTooSmall(bytes) => {
                let least = crate::memory_map::MEMORY_BYTES_MIN;
                write!(out, "memory of {bytes} bytes is too small: this machine needs at least {least}")
            }
            Self::MemoryTooLarge(bytes) => {
                write!(out, "memory of {bytes} bytes is more than this processor can address in a guest")
            }
            Self::Disks(count) => {
                write!(out, "a machine has at most {} disks, not {count}", vmm_protocol::DISKS_MAX)
            }
            Self::MemoryTooSmallForFirmware(bytes, least) => {
                write!(out, "memory of {bytes} bytes is too small: this firmware needs at least {least}")
            }
            Self::Nics(count) => {
                write!(out, "a machine has at most {} network cards, not {count}", vmm_protocol::NICS_MAX)
            }
            Self::PciDevices => {
                let room = layout::FREE_SLOTS_END - layout::FIRST_FREE_SLOT;
                write!(out, "a PC has at most {room} network cards, virtio disks and NVMe disks together")
            }
            Self::AhciDrives => {
                write!(out, "the AHCI controller has only {} ports for disks and CD-ROMs", AHCI_DRIVES_MAX)
            }
            Self::IdeDrives => {
                write!(out, "the IDE controller takes only {} disks and CD-ROMs", IDE_DRIVES_MAX)
            }
            Self::CdromBus => write!(out, "a CD-ROM is attached to AHCI or to IDE"),
            Self::FirmwareSize(bytes) => write!(
                out,
                "firmware of {bytes} bytes is not made of whole pages, or larger than {} bytes with its variables",
                layout::FIRMWARE_BYTES_MAX
            ),
            Self::Content => write!(out, "the firmware cannot be given all its files"),
            Self::TablesTooLarge(bytes) => {
                write!(out, "the ACPI tables of {bytes} bytes do not fit their place")
            }
        }
    }
}

impl core::error::Error for PlanError {}
