//! Why a machine cannot be planned.

use core::fmt;

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
            Self::TablesTooLarge(bytes) => {
                write!(out, "the ACPI tables of {bytes} bytes do not fit their place")
            }
        }
    }
}

impl core::error::Error for PlanError {}
