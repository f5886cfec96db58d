//! The ACPI tables of the micro platform.
//!
//! Power management is the fixed hardware of ACPI 6.5, chapter 4.8, at the ports of [`crate::layout`]: the
//! power button is a fixed one, sleep state S5 turns the machine off. There is neither a PIC nor a PIT.

pub(crate) mod dsdt;
mod fadt;
pub(crate) mod madt;
#[cfg(test)]
mod tests;

use crate::{error::PlanError, layout};
use acpi_tables::{Aml, facs::FACS, mcfg::MCFG, rsdp::Rsdp, xsdt::XSDT};
use alloc::vec::Vec;
use base_units::Gpa;

pub(crate) const OEM_ID: [u8; 6] = *b"CORTEN";
pub(crate) const OEM_TABLE_ID: [u8; 8] = *b"CORTENVM";
pub(crate) const OEM_REVISION: u32 = 1;
/// Tables start at multiples of so many bytes.
const TABLE_ALIGNMENT: u64 = 64;

/// The tables as bytes, and where they belong.
#[derive(Clone, Debug)]
pub struct AcpiTables {
    image: Vec<u8>,
}

impl AcpiTables {
    /// Builds the tables of a machine with so many vCPUs, whose APIC ids are 0 and up.
    pub(crate) fn new(vcpus: u32) -> Result<Self, PlanError> {
        let mut image = Image::new();
        let dsdt = image.add(&dsdt::build(vcpus));
        let facs = image.add(&bytes_of(&FACS::new()));
        let fadt = image.add(&fadt::build(facs, dsdt));
        let madt = image.add(&madt::build(vcpus, &madt::MICRO));
        let mut mcfg = MCFG::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
        mcfg.add_ecam(layout::ECAM_START.raw(), 0, 0, 0);
        let mcfg = image.add(&bytes_of(&mcfg));
        let mut xsdt = XSDT::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
        for table in [fadt, madt, mcfg] {
            xsdt.add_entry(table.raw());
        }
        let xsdt = image.add(&bytes_of(&xsdt));
        image.finish(&bytes_of(&Rsdp::new(OEM_ID, xsdt.raw())))
    }

    /// Where [`AcpiTables::image`] belongs.
    pub fn start(&self) -> Gpa {
        layout::TABLES_START
    }

    /// Where the root pointer (RSDP) is: the first thing in the image.
    pub fn root_pointer(&self) -> Gpa {
        layout::TABLES_START
    }

    /// All tables, to be copied to [`AcpiTables::start`].
    pub fn image(&self) -> &[u8] {
        &self.image
    }
}

/// The bytes of a table.
pub(crate) fn bytes_of(table: &dyn Aml) -> Vec<u8> {
    let mut bytes = Vec::new();
    table.to_aml_bytes(&mut bytes);
    bytes
}

/// The table area while it is being filled: the RSDP's place first, the tables after it.
struct Image {
    bytes: Vec<u8>,
}

impl Image {
    fn new() -> Self {
        Self { bytes: alloc::vec![0; Rsdp::len()] }
    }

    /// Appends a table and says where it will lie.
    fn add(&mut self, table: &[u8]) -> Gpa {
        let offset = self.bytes.len().next_multiple_of(TABLE_ALIGNMENT as usize);
        self.bytes.resize(offset, 0);
        self.bytes.extend_from_slice(table);
        Gpa::new(layout::TABLES_START.raw() + offset as u64)
    }

    fn finish(mut self, root_pointer: &[u8]) -> Result<AcpiTables, PlanError> {
        for (place, byte) in self.bytes.iter_mut().zip(root_pointer) {
            *place = *byte;
        }
        let room = layout::TABLES_END.raw() - layout::TABLES_START.raw();
        let bytes = self.bytes.len() as u64;
        if bytes > room {
            return Err(PlanError::TablesTooLarge(bytes));
        }
        self.bytes.shrink_to_fit();
        Ok(AcpiTables { image: self.bytes })
    }
}
