//! FADT (ACPI 6.5, 5.2.9).

use super::{OEM_ID, OEM_REVISION, OEM_TABLE_ID, bytes_of};
use crate::layout;
use acpi_tables::{
    fadt::{FADTBuilder, Flags, PmProfile},
    gas::{AccessSize, AddressSpace, GAS},
};
use alloc::vec::Vec;
use base_units::Gpa;

/// IA-PC boot flags (ACPI 6.5, 5.2.9.3): devices on the ISA bus, but no VGA; the CMOS clock is there.
const BOOT_LEGACY_DEVICES: u16 = 1 << 0;
const BOOT_NO_VGA: u16 = 1 << 2;

/// The table, pointing to the DSDT.
pub(super) fn build(dsdt: Gpa) -> Vec<u8> {
    let mut table = FADTBuilder::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION)
        .dsdt_64(dsdt.raw())
        .preferred_pm_profile(PmProfile::EnterpriseServer)
        .flag(Flags::Wbinvd)
        .flag(Flags::PwrButton)
        .flag(Flags::SlpButton)
        .flag(Flags::ResetRegSup)
        .flag(Flags::HwReducedAcpi);
    table.iapc_boot_arch = (BOOT_LEGACY_DEVICES | BOOT_NO_VGA).into();
    table.reset_reg = port(layout::RESET_PORT);
    table.reset_value = layout::RESET_VALUE;
    table.sleep_control_reg = port(layout::SLEEP_CONTROL_PORT);
    table.sleep_status_reg = port(layout::SLEEP_STATUS_PORT);
    table.hypervisor_vendor_identity = u64::from_le_bytes(*b"Corten\0\0").into();
    bytes_of(&table.finalize())
}

/// The generic address of a one-byte port.
fn port(number: u16) -> GAS {
    GAS::new(AddressSpace::SystemIo, 8, 0, AccessSize::ByteAccess, number.into())
}
