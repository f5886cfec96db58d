//! The ACPI tables of the pc platform, as a file and the commands by which firmware puts it in memory.
//!
//! Power management is the fixed hardware of ACPI 6.5, chapter 4.8, in the chipset's ports. A write to the SMI command
//! port hands it to the operating system.

mod control;
mod dsdt;
mod fadt;
mod legacy;
mod links;
mod loader;
mod madt;
#[cfg(test)]
mod tests;
mod timers;

use super::layout;
use crate::{
    MemoryMap,
    acpi::{OEM_ID, OEM_REVISION, OEM_TABLE_ID, bytes_of},
};
use acpi_tables::{facs::FACS, mcfg::MCFG, rsdp::Rsdp, sdt::Sdt};
use alloc::vec::Vec;
use base_units::Gpa;
use loader::{File, Script};

/// Bytes of the header that all tables share.
const HEADER_BYTES: usize = 36;
/// Where a table's checksum is.
const CHECKSUM_AT: usize = 9;
/// Tables start at multiples of so many bytes.
const TABLE_ALIGNMENT: usize = 64;
/// Offset in the FADT of the pointer to the FACS.
const FADT_FACS: usize = 36;
/// Offset in the FADT of the pointer to the DSDT.
const FADT_DSDT: usize = 40;
/// Offset in the FADT of the 64-bit pointer to the DSDT.
const FADT_X_DSDT: usize = 140;
/// Where the RSDP's first checksum is: over its first 20 bytes.
const RSDP_CHECKSUM: usize = 8;
/// Bytes of the RSDP's first version.
const RSDP_OLD_BYTES: usize = 20;
/// Offset in the RSDP of the pointer to the RSDT.
const RSDP_RSDT: usize = 16;
/// Offset in the RSDP of the pointer to the XSDT.
const RSDP_XSDT: usize = 24;
/// Where the RSDP's second checksum is: over all of it.
const RSDP_EXTENDED_CHECKSUM: usize = 32;

/// What the tables depend on.
#[derive(Clone, Copy, Debug)]
pub struct TablesRequest<'a> {
    /// Number of vCPUs, whose APIC ids are 0 and up.
    pub vcpus: u32,
    /// RAM.
    pub memory: &'a MemoryMap,
    /// Where configuration space (ECAM) lies: [`layout::ECAM_START`] unless firmware has put it elsewhere.
    pub ecam: Gpa,
    /// Whether there is a floppy controller.
    pub has_floppy: bool,
    /// Where the 64-bit PCI window ends: as far as the processor's addresses go. `None` = there is no such window,
    /// which systems of 32 bits want.
    pub high_window_end: Option<Gpa>,
}

/// The tables as files of fw_cfg.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PcTables {
    /// `etc/acpi/tables`.
    pub tables: Vec<u8>,
    /// `etc/acpi/rsdp`.
    pub root_pointer: Vec<u8>,
    /// `etc/table-loader`.
    pub loader: Vec<u8>,
}

impl PcTables {
    /// Builds the tables.
    pub fn new(request: &TablesRequest<'_>) -> Self {
        let mut script = Script::new();
        script.allocate(File::RootPointer);
        script.allocate(File::Tables);
        let mut image = Image { bytes: Vec::new(), script };
        let facs = image.add_unsummed(&bytes_of(&FACS::new()));
        let dsdt = image.add(&dsdt::build(request));
        let fadt = image.add_with_pointers(
            &fadt::build(),
            &[(FADT_FACS, 4, facs), (FADT_DSDT, 4, dsdt), (FADT_X_DSDT, 8, dsdt)],
        );
        let madt = image.add(&madt::build(request.vcpus));
        let hpet = image.add(&timers::hpet());
        let waet = image.add(&timers::waet());
        let mcfg = image.add(&mcfg(request.ecam));
        let listed = [fadt, madt, hpet, mcfg, waet];
        let rsdt = image.add_list(*b"RSDT", 4, &listed);
        let xsdt = image.add_list(*b"XSDT", 8, &listed);
        image.finish(rsdt, xsdt)
    }
}

fn mcfg(ecam: Gpa) -> Vec<u8> {
    let mut table = MCFG::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    table.add_ecam(ecam.raw(), 0, 0, u8::MAX);
    bytes_of(&table)
}

/// The file of tables while it is being filled. Pointers hold offsets; firmware adds addresses.
struct Image {
    bytes: Vec<u8>,
    script: Script,
}

impl Image {
    /// Appends a table without checksum; returns its offset.
    fn add_unsummed(&mut self, table: &[u8]) -> usize {
        let offset = self.bytes.len().next_multiple_of(TABLE_ALIGNMENT);
        self.bytes.resize(offset, 0);
        self.bytes.extend_from_slice(table);
        offset
    }

    /// Appends a table whose checksum is right; returns its offset.
    fn add(&mut self, table: &[u8]) -> usize {
        self.add_unsummed(table)
    }

    /// Appends a table with pointers: their places in it, their sizes, the offsets they point to.
    fn add_with_pointers(&mut self, table: &[u8], pointers: &[(usize, u8, usize)]) -> usize {
        let offset = self.add_unsummed(table);
        for (place, size, target) in pointers {
            let at = offset + place;
            put(&mut self.bytes, at, &target.to_le_bytes(), usize::from(*size));
            self.script.add_pointer(File::Tables, at, *size);
        }
        put(&mut self.bytes, offset + CHECKSUM_AT, &[0], 1);
        self.script.add_checksum(File::Tables, offset + CHECKSUM_AT, offset..offset + table.len());
        offset
    }

    /// Appends a table that lists others.
    fn add_list(&mut self, signature: [u8; 4], size: u8, listed: &[usize]) -> usize {
        let mut table = Sdt::new(signature, HEADER_BYTES as u32, 1, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
        table.append_slice(&alloc::vec![0; listed.len() * usize::from(size)]);
        let places = (HEADER_BYTES..).step_by(usize::from(size));
        let pointers: Vec<_> = places.zip(listed).map(|(place, target)| (place, size, *target)).collect();
        self.add_with_pointers(table.as_slice(), &pointers)
    }

    fn finish(mut self, rsdt: usize, xsdt: usize) -> PcTables {
        let mut root = bytes_of(&Rsdp::new(OEM_ID, 0));
        put(&mut root, RSDP_RSDT, &rsdt.to_le_bytes(), 4);
        put(&mut root, RSDP_XSDT, &xsdt.to_le_bytes(), 8);
        put(&mut root, RSDP_CHECKSUM, &[0], 1);
        put(&mut root, RSDP_EXTENDED_CHECKSUM, &[0], 1);
        self.script.add_pointer(File::RootPointer, RSDP_RSDT, 4);
        self.script.add_pointer(File::RootPointer, RSDP_XSDT, 8);
        self.script.add_checksum(File::RootPointer, RSDP_CHECKSUM, 0..RSDP_OLD_BYTES);
        self.script.add_checksum(File::RootPointer, RSDP_EXTENDED_CHECKSUM, 0..root.len());
        PcTables { tables: self.bytes, root_pointer: root, loader: self.script.finish() }
    }
}

/// Puts the first `count` of `from` at a place of a table of ours.
fn put(table: &mut [u8], at: usize, from: &[u8], count: usize) {
    for (to, from) in table.iter_mut().skip(at).zip(from.iter().take(count)) {
        *to = *from;
    }
}
