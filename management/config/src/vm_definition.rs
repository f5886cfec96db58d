//! One virtual machine as its owner describes it.

use crate::{
    BootDefinition, ConfigError, ConsoleKind, FileName, Place, Problem, RestartPolicy, Shares,
    boot_definition::{FirmwareImage, read_boot},
    disk_definition::{DiskDefinition, read_disks},
    table::{SizeRange, Table},
    text::checked_name,
};
use alloc::{string::String, vec::Vec};

/// vCPUs of one VM at the most.
pub const VCPUS_MAX: u64 = 64;
/// The least RAM of a VM.
pub const MEMORY_BYTES_MIN: u64 = 2 << 20;
/// The most RAM of a VM.
pub const MEMORY_BYTES_MAX: u64 = 4 << 40;

const KEYS: &[&str] = &[
    "name",
    "vcpus",
    "memory",
    "kernel",
    "initrd",
    "cmdline",
    "platform",
    "firmware",
    "cdrom",
    "cdrom_bus",
    "floppy",
    "display",
    "usb",
    "nics",
    "boot",
    "rtc",
    "secure_boot",
    "disks",
    "console",
    "restart",
    "start",
    "weight",
    "cap",
    "reservation",
    "cpus",
];

/// A virtual machine. Having one proves that each value is in its range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VmDefinition {
    /// Unique in its file; fit to stand in a log line and a command.
    pub name: String,
    /// 1 to [`VCPUS_MAX`].
    pub vcpus: u32,
    /// RAM in bytes, a multiple of 4 KiB.
    pub memory_bytes: u64,
    /// What it starts with, and with it the platform.
    pub boot: BootDefinition,
    /// At most [`crate::DISKS_MAX`].
    pub disks: Vec<DiskDefinition>,
    /// Where its serial line ends.
    pub console: ConsoleKind,
    /// What happens when it has ended.
    pub restart: RestartPolicy,
    /// Whether it is started with the machine.
    pub start: bool,
    /// CPU time.
    pub shares: Shares,
}

/// A definition and the places that its file's other definitions may collide with.
pub(crate) struct PlacedVm {
    pub(crate) vm: VmDefinition,
    pub(crate) name_place: Place,
    pub(crate) console_place: Place,
}

impl VmDefinition {
    /// The files it names: those of its boot, then the disks.
    pub fn files(&self) -> impl Iterator<Item = &FileName> {
        self.boot.files().chain(self.disks.iter().map(|disk| &disk.file))
    }

    /// The firmware images that whoever builds the bundle must bring along.
    pub fn firmware_images(&self) -> impl Iterator<Item = FirmwareImage> + use<> {
        self.boot.firmware_images()
    }
}

impl PlacedVm {
    pub(crate) fn read(table: &Table<'_>) -> Result<Self, ConfigError> {
        table.allow_only(KEYS)?;
        let name = table.require("name", "name = \"demo\"", table.text("name")?)?;
        let name_place = name.place;
        let console = table.choice("console", ConsoleKind::WORDS, &ConsoleKind::VALUES)?;
        let console_place = console.map_or(table.place(), |found| found.place);
        let restart = table.choice("restart", RestartPolicy::WORDS, &RestartPolicy::VALUES)?;
        let vcpus = table.number("vcpus", 1..=VCPUS_MAX)?.map_or(1, |found| found.value);
        let memory_bytes = read_memory(table)?;
        let boot = read_boot(table)?;
        let disks = read_disks(table, &boot)?;
        let vm = VmDefinition {
            name: checked_name("name", name)?,
            vcpus: u32::try_from(vcpus).unwrap_or(1),
            memory_bytes: enough_memory(memory_bytes, &boot, name_place)?,
            boot,
            disks,
            console: console.map_or(ConsoleKind::Buffer, |found| found.value),
            restart: restart.map_or(RestartPolicy::Never, |found| found.value),
            start: table.truth("start")?.unwrap_or(true),
            shares: Shares::read(table)?,
        };
        Ok(Self { vm, name_place, console_place })
    }
}

fn read_memory(table: &Table<'_>) -> Result<u64, ConfigError> {
    let range = SizeRange { bytes: MEMORY_BYTES_MIN..=MEMORY_BYTES_MAX, least: "2M", most: "4T" };
    table.require("memory", "memory = \"256M\"", table.size("memory", &range)?)
}

/// Firmware that finds too little memory dies without a word, so that is said here.
fn enough_memory(bytes: u64, boot: &BootDefinition, place: Place) -> Result<u64, ConfigError> {
    match boot.memory_needed() {
        Some((least, words)) if bytes < least => {
            Err(ConfigError::at(place, Problem::Conflict { key: "memory", reason: words }))
        }
        _ => Ok(bytes),
    }
}
