//! One virtual machine as its owner describes it.

use crate::{
    ConfigError, ConsoleKind, Place, Problem, RestartPolicy, Shares,
    table::{Located, SizeRange, Table},
};
use alloc::{string::String, vec::Vec};

/// Bytes in a VM's or program's name at the most.
pub const NAME_BYTES_MAX: usize = 32;
/// Bytes in the name of a file at the most.
pub const FILE_NAME_BYTES_MAX: usize = 240;
/// Bytes in a kernel command line at the most (Linux on x86 takes 2047).
pub const COMMAND_LINE_BYTES_MAX: usize = 2047;
/// vCPUs of one VM at the most.
pub const VCPUS_MAX: u64 = 64;
/// Disks of one VM at the most.
pub const DISKS_MAX: usize = 16;
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
    "disks",
    "console",
    "restart",
    "start",
    "weight",
    "cap",
    "reservation",
    "cpus",
];
const DISK_KEYS: &[&str] = &["file", "read_only"];
const NAME_RULE: &str = "1 to 32 letters, digits, '-', '_' or '.', not beginning with '-'";
const FILE_RULE: &str = "a path of 1 to 240 bytes without control characters";
const COMMAND_LINE_RULE: &str = "at most 2047 bytes without control characters";

/// A path as the definition file says it, and where it says so.
#[derive(Clone, Debug)]
pub struct FileName {
    name: String,
    place: Place,
}

impl FileName {
    /// The path as written, relative to the definition file. The bundle holds the file under it.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Where it is named.
    pub fn place(&self) -> Place {
        self.place
    }

    fn read(key: &'static str, found: Located<&str>) -> Result<Self, ConfigError> {
        let name = checked_text(key, found, FILE_NAME_BYTES_MAX, FILE_RULE)?;
        if name.is_empty() {
            return Err(ConfigError::at(found.place, Problem::BadText { key, rule: FILE_RULE }));
        }
        Ok(Self { name, place: found.place })
    }
}

impl PartialEq for FileName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for FileName {}

/// One disk of a VM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiskDefinition {
    /// Its first content. What the guest writes stays in memory.
    pub file: FileName,
    /// The guest may not write.
    pub read_only: bool,
}

/// A virtual machine. Having one proves that each value is in its range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VmDefinition {
    /// Unique in its file; fit to stand in a log line and a command.
    pub name: String,
    /// 1 to [`VCPUS_MAX`].
    pub vcpus: u32,
    /// RAM in bytes, a multiple of 4 KiB.
    pub memory_bytes: u64,
    /// The kernel: a bzImage or an ELF with a PVH note.
    pub kernel: FileName,
    /// The initial RAM disk.
    pub initrd: Option<FileName>,
    /// Kernel command line.
    pub command_line: String,
    /// At most [`DISKS_MAX`].
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
    /// The files it names, in the order kernel, initrd, disks.
    pub fn files(&self) -> impl Iterator<Item = &FileName> {
        let disks = self.disks.iter().map(|disk| &disk.file);
        core::iter::once(&self.kernel).chain(&self.initrd).chain(disks)
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
        let kernel = table.require("kernel", "kernel = \"vmlinuz\"", table.text("kernel")?)?;
        let vm = VmDefinition {
            name: checked_name("name", name)?,
            vcpus: u32::try_from(vcpus).unwrap_or(1),
            memory_bytes,
            kernel: FileName::read("kernel", kernel)?,
            initrd: table.text("initrd")?.map(|found| FileName::read("initrd", found)).transpose()?,
            command_line: read_command_line(table)?,
            disks: read_disks(table)?,
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

fn read_command_line(table: &Table<'_>) -> Result<String, ConfigError> {
    let Some(found) = table.text("cmdline")? else { return Ok(String::new()) };
    checked_text("cmdline", found, COMMAND_LINE_BYTES_MAX, COMMAND_LINE_RULE)
}

fn read_disks(table: &Table<'_>) -> Result<Vec<DiskDefinition>, ConfigError> {
    let tables = table.tables("disks", "a disk", DISKS_MAX)?;
    tables.iter().map(read_disk).collect()
}

fn read_disk(table: &Table<'_>) -> Result<DiskDefinition, ConfigError> {
    table.allow_only(DISK_KEYS)?;
    let file = table.require("file", "file = \"disk.img\"", table.text("file")?)?;
    let read_only = table.truth("read_only")?.unwrap_or(false);
    Ok(DiskDefinition { file: FileName::read("file", file)?, read_only })
}

/// A name that can stand in a command, a log line and a table.
pub(crate) fn checked_name(key: &'static str, found: Located<&str>) -> Result<String, ConfigError> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_good = (1..=NAME_BYTES_MAX).contains(&found.value.len())
        && found.value.bytes().all(is_letter)
        && !found.value.starts_with('-');
    if !is_good {
        return Err(ConfigError::at(found.place, Problem::BadText { key, rule: NAME_RULE }));
    }
    Ok(found.value.into())
}

/// A text without control characters, `most` bytes long at the most.
pub(crate) fn checked_text(
    key: &'static str,
    found: Located<&str>,
    most: usize,
    rule: &'static str,
) -> Result<String, ConfigError> {
    if found.value.len() > most || found.value.chars().any(char::is_control) {
        return Err(ConfigError::at(found.place, Problem::BadText { key, rule }));
    }
    Ok(found.value.into())
}
