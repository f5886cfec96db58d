//! FADT (ACPI 6.5, 5.2.9).

use super::{OEM_ID, OEM_REVISION, OEM_TABLE_ID, bytes_of};
use crate::layout;
use acpi_tables::{
    fadt::{FADTBuilder, Flags, PmProfile},
    gas::{AccessSize, AddressSpace, GAS},
};
use alloc::vec::Vec;
use base_units::Gpa;

/// IA-PC boot flags (ACPI 6.5, 5.2.9.3): devices on the ISA bus, but no VGA and no keyboard controller.
const BOOT_LEGACY_DEVICES: u16 = 1 << 0;
const BOOT_NO_VGA: u16 = 1 << 2;
/// Latencies from which on C2 and C3 count as absent.
const NO_C2_MICROSECONDS: u16 = 101;
const NO_C3_MICROSECONDS: u16 = 1001;

/// The table, pointing to the FACS and the DSDT.
///
/// There is no SMI command port: the machine is in ACPI mode from the start.
pub(super) fn build(facs: Gpa, dsdt: Gpa) -> Vec<u8> {
    // Tables lie below 4 GiB.
    let mut table = FADTBuilder::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION)
        .firmware_ctrl_32(facs.raw() as u32)
        .dsdt_32(dsdt.raw() as u32)
        .dsdt_64(dsdt.raw())
        .preferred_pm_profile(PmProfile::EnterpriseServer)
        .flag(Flags::Wbinvd)
        .flag(Flags::ProcC1)
        // Set means "there is none as a fixed button".
        .flag(Flags::SlpButton)
        .flag(Flags::FixRtc)
        .flag(Flags::ResetRegSup);
    table.iapc_boot_arch = (BOOT_LEGACY_DEVICES | BOOT_NO_VGA).into();
    table.sci_int = (layout::SYSTEM_CONTROL_INTERRUPT as u16).into();
    table.p_lvl2_lat = NO_C2_MICROSECONDS.into();
    table.p_lvl3_lat = NO_C3_MICROSECONDS.into();
    table.reset_reg = ports(layout::RESET_PORT, 1, AccessSize::ByteAccess);
    table.reset_value = layout::RESET_VALUE;
    table.pm1a_evt_blk = u32::from(layout::PM_EVENT_PORT).into();
    table.pm1_evt_len = layout::PM_EVENT_PORTS as u8;
    table.x_pm1a_evt_blk = ports(layout::PM_EVENT_PORT, layout::PM_EVENT_PORTS, AccessSize::WordAccess);
    table.pm1a_cnt_blk = u32::from(layout::PM_CONTROL_PORT).into();
    table.pm1_cnt_len = layout::PM_CONTROL_PORTS as u8;
    table.x_pm1a_cnt_blk = ports(layout::PM_CONTROL_PORT, layout::PM_CONTROL_PORTS, AccessSize::WordAccess);
    table.pm_tmr_blk = u32::from(layout::PM_TIMER_PORT).into();
    table.pm_tmr_len = layout::PM_TIMER_PORTS as u8;
    table.x_pm_tmr_blk = ports(layout::PM_TIMER_PORT, layout::PM_TIMER_PORTS, AccessSize::DwordAccess);
    table.hypervisor_vendor_identity = u64::from_le_bytes(*b"Corten\0\0").into();
    bytes_of(&table.finalize())
}

/// The generic address of a register in I/O ports.
fn ports(first: u16, bytes: u16, access: AccessSize) -> GAS {
    GAS::new(AddressSpace::SystemIo, bytes as u8 * 8, 0, access, first.into())
}
