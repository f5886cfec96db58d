//! Commands by which firmware loads files and links them (QEMU, hw/acpi/bios-linker-loader.c).

use alloc::vec::Vec;
use core::ops::Range;

/// Bytes of a command, padded.
const COMMAND_BYTES: usize = 128;
/// Bytes of a file's name, its final zero included.
const NAME_BYTES: usize = 56;
/// Command: load a file.
const ALLOCATE: u32 = 1;
/// Command: add the address of a file to an integer in another.
const ADD_POINTER: u32 = 2;
/// Command: sum up a range and store what makes the sum zero.
const ADD_CHECKSUM: u32 = 3;
/// Where a file is loaded: high memory.
const ZONE_HIGH: u8 = 1;
/// Where a file is loaded: below 1 MiB, where systems look for it.
const ZONE_LOW: u8 = 2;

/// A file of fw_cfg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum File {
    /// The root pointer.
    RootPointer,
    /// All tables.
    Tables,
}

impl File {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RootPointer => "etc/acpi/rsdp",
            Self::Tables => "etc/acpi/tables",
        }
    }

    /// How it must be aligned, and its zone.
    fn place(self) -> (u32, u8) {
        match self {
            Self::RootPointer => (16, ZONE_LOW),
            Self::Tables => (super::TABLE_ALIGNMENT as u32, ZONE_HIGH),
        }
    }
}

/// The commands.
pub(super) struct Script {
    bytes: Vec<u8>,
}

impl Script {
    /// No command.
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Loads a file.
    pub(super) fn allocate(&mut self, file: File) {
        let (alignment, zone) = file.place();
        let mut command = Command::new(ALLOCATE);
        command.name(file);
        command.number(alignment as usize);
        command.0.push(zone);
        self.push(command);
    }

    /// Adds the address of the tables to the offset that the integer of `size` bytes at `at` holds.
    pub(super) fn add_pointer(&mut self, file: File, at: usize, size: u8) {
        let mut command = Command::new(ADD_POINTER);
        command.name(file);
        command.name(File::Tables);
        command.number(at);
        command.0.push(size);
        self.push(command);
    }

    /// Sets the byte at `at` so that the sum of a range is zero. The byte is zero before.
    pub(super) fn add_checksum(&mut self, file: File, at: usize, range: Range<usize>) {
        let mut command = Command::new(ADD_CHECKSUM);
        command.name(file);
        command.number(at);
        command.number(range.start);
        command.number(range.len());
        self.push(command);
    }

    /// The file of commands.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn push(&mut self, mut command: Command) {
        command.0.resize(COMMAND_BYTES, 0);
        self.bytes.append(&mut command.0);
    }
}

/// One command while it is being written.
struct Command(Vec<u8>);

impl Command {
    fn new(kind: u32) -> Self {
        Self(kind.to_le_bytes().to_vec())
    }

    fn name(&mut self, file: File) {
        let end = self.0.len() + NAME_BYTES;
        self.0.extend_from_slice(file.name().as_bytes());
        self.0.resize(end, 0);
    }

    /// Offsets and sizes of our own tables, which are far below 4 GiB.
    fn number(&mut self, number: usize) {
        self.0.extend_from_slice(&(number as u32).to_le_bytes());
    }
}
