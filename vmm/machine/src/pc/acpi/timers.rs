//! Tables about timers: HPET (IA-PC HPET 1.0a, 3.2.4) and WAET (Windows ACPI emulated devices table).

use super::{HEADER_BYTES, layout};
use crate::acpi::{OEM_ID, OEM_REVISION, OEM_TABLE_ID};
use acpi_tables::sdt::Sdt;
use alloc::vec::Vec;

/// What the HPET's capability register says in its lower half: Intel, legacy routes, three comparators of 64 bits.
const HPET_ID: u32 = 0x8086_A201;
/// WAET: one read of the PM timer is enough.
const ONE_READ_OF_TIMER: u32 = 1 << 1;

/// The HPET's table.
pub(super) fn hpet() -> Vec<u8> {
    let mut table = table(*b"HPET");
    table.append_slice(&HPET_ID.to_le_bytes());
    // A generic address in memory, of no particular width.
    table.append_slice(&[0; 4]);
    table.append_slice(&layout::HPET_START.raw().to_le_bytes());
    // The first of its kind; no minimal period; no page protection.
    table.append_slice(&[0; 4]);
    table.as_slice().to_vec()
}

/// What Windows needs not do for the sake of broken hardware.
pub(super) fn waet() -> Vec<u8> {
    let mut table = table(*b"WAET");
    table.append_slice(&ONE_READ_OF_TIMER.to_le_bytes());
    table.as_slice().to_vec()
}

fn table(signature: [u8; 4]) -> Sdt {
    Sdt::new(signature, HEADER_BYTES as u32, 1, OEM_ID, OEM_TABLE_ID, OEM_REVISION)
}
