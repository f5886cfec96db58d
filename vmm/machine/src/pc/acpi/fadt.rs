//! FADT (ACPI 6.5, 5.2.9).

use crate::{
    acpi::{OEM_ID, OEM_REVISION, OEM_TABLE_ID, bytes_of},
    pc::layout,
};
use acpi_tables::{
    fadt::{FADTBuilder, Flags, PmProfile},
    gas::{AccessSize, AddressSpace, GAS},
};
use alloc::vec::Vec;

/// IA-PC boot flags (ACPI 6.5, 5.2.9.3): devices on the ISA bus, a keyboard controller.
const BOOT_LEGACY_DEVICES: u16 = 1 << 0;
const BOOT_KEYBOARD: u16 = 1 << 1;
/// Latencies from which on C2 and C3 count as absent.
const NO_C2_MICROSECONDS: u16 = 101;
const NO_C3_MICROSECONDS: u16 = 1001;
/// Bytes of the event block, of the control block, of the timer.
const EVENT_PORTS: u8 = 4;
const CONTROL_PORTS: u8 = 2;
const TIMER_PORTS: u8 = 4;

/// The table. Its pointers are zero.
pub(super) fn build() -> Vec<u8> {
    let event = layout::PM_PORT + layout::PM_EVENT_OFFSET;
    let control = layout::PM_PORT + layout::PM_CONTROL_OFFSET;
    let timer = layout::PM_PORT + layout::PM_TIMER_OFFSET;
    let gpe0 = layout::PM_PORT + layout::PM_GPE0_OFFSET;
    let mut table = FADTBuilder::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION)
        .preferred_pm_profile(PmProfile::Desktop)
        .flag(Flags::Wbinvd)
        .flag(Flags::ProcC1)
        // Set means "there is none as a fixed button".
        .flag(Flags::SlpButton)
        .flag(Flags::ResetRegSup);
    table.iapc_boot_arch = (BOOT_LEGACY_DEVICES | BOOT_KEYBOARD).into();
    table.sci_int = (layout::SYSTEM_CONTROL_INTERRUPT as u16).into();
    table.smi_cmd = u32::from(layout::SMI_PORT).into();
    table.acpi_enable = layout::ACPI_ENABLE;
    table.acpi_disable = layout::ACPI_DISABLE;
    table.p_lvl2_lat = NO_C2_MICROSECONDS.into();
    table.p_lvl3_lat = NO_C3_MICROSECONDS.into();
    table.century = layout::CENTURY_INDEX;
    table.reset_reg = ports(layout::RESET_PORT, 1, AccessSize::ByteAccess);
    table.reset_value = layout::RESET_VALUE;
    table.pm1a_evt_blk = u32::from(event).into();
    table.pm1_evt_len = EVENT_PORTS;
    table.x_pm1a_evt_blk = ports(event, EVENT_PORTS, AccessSize::WordAccess);
    table.pm1a_cnt_blk = u32::from(control).into();
    table.pm1_cnt_len = CONTROL_PORTS;
    table.x_pm1a_cnt_blk = ports(control, CONTROL_PORTS, AccessSize::WordAccess);
    table.pm_tmr_blk = u32::from(timer).into();
    table.pm_tmr_len = TIMER_PORTS;
    table.x_pm_tmr_blk = ports(timer, TIMER_PORTS, AccessSize::DwordAccess);
    table.gpe0_blk = u32::from(gpe0).into();
    table.gpe0_blk_len = layout::PM_GPE0_PORTS;
    table.x_gpe0_blk = ports(gpe0, layout::PM_GPE0_PORTS, AccessSize::ByteAccess);
    table.hypervisor_vendor_identity = u64::from_le_bytes(*b"Corten\0\0").into();
    bytes_of(&table.finalize())
}

/// The generic address of a register in I/O ports.
fn ports(first: u16, bytes: u8, access: AccessSize) -> GAS {
    GAS::new(AddressSpace::SystemIo, bytes * 8, 0, access, first.into())
}
