//! Messages between the supervisor and one VMM.
//!
//! The supervisor starts a `vmm` process with one channel. Its first message is a
//! [`StartMessage`] (postcard) with handles, after which the two exchange [`Request`]s (to the
//! VMM) and [`Report`]s (from it). The receiver treats the sender as hostile: what does not
//! decode is answered or dropped, never trusted.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

mod machine;
pub mod screen;

pub use machine::{
    AHCI_DRIVES_MAX, Boot, BootDevice, CdromConfig, ClockBase, DISKS_MAX, DiskBus, DiskConfig, Display,
    Firmware, FirmwareBoot, IDE_DRIVES_MAX, KernelBoot, MachineConfig, NICS_MAX, NicModel, PcDevices,
    VCPUS_MAX,
};

/// The first message of the channel: what the VMM is to build, and its place on the host. The handles that
/// come with it stand in this order: the VM's scheduling group; the files of [`Boot`] in the order of its
/// fields; the disks, the CD-ROMs and the floppy in their order; the console channel (raw bytes both ways:
/// the VM's first serial line); and, of a machine with a display, its [`screen`] channel. Each file starts at the first byte of its memory object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartMessage {
    /// What to build.
    pub machine: MachineConfig,
    /// Nanoseconds from 1970-01-01 00:00 UTC to the zero of the host's monotonic clock: what the VM's
    /// clocks show. Zero if the supervisor does not know.
    pub unix_nanos_at_zero: u64,
    /// Processors of the host that the VMM's threads may run on, one bit each; `None` = all.
    pub cpu_mask: Option<u64>,
}

/// What the supervisor asks of a VMM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Press the ACPI power button.
    PowerButton,
    /// Reset the machine, as its reset button does.
    Reset,
    /// Save the machine's state and go on from what was saved (only tests send it): shows that nothing is missing.
    Renew,
    /// Inflate or deflate the balloon to so many bytes.
    Balloon(u64),
    /// Report statistics.
    Statistics,
    /// Panic now (only tests send it): shows that a dying VMM harms no other.
    Panic,
}

/// What a VMM tells the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The guest's first instruction is about to run.
    Started,
    /// The machine could not be built: a sentence for its owner.
    Refused(String),
    /// The guest turned itself off. The VMM exits with code 0 after this.
    PoweredOff,
    /// The guest reset itself; the VMM did it in place.
    WasReset,
    /// Answer to [`Request::Renew`]: the guest is about to go on.
    Renewed,
    /// The guest broke (triple fault on every vCPU's path, invalid state): a sentence. The VMM exits
    /// with code 1 after this.
    Failed(String),
    /// Answer to [`Request::Statistics`].
    Statistics(VmStatistics),
}

/// Figures of one VM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmStatistics {
    /// Exits by `abi::ExitCounter`, all vCPUs.
    pub exits: Vec<u64>,
    /// Returns of `vcpu_run` to the VMM.
    pub returns: u64,
    /// CPU time of the vCPUs, nanoseconds.
    pub cpu_ns: u64,
    /// Time that vCPUs waited for a processor, nanoseconds.
    pub wait_ns: u64,
    /// Guest RAM in use, bytes.
    pub memory_bytes: u64,
}
