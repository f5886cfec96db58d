//! MADT (ACPI 6.5, 5.2.12): processors, the I/O APIC, and how ISA interrupts reach it.

use crate::acpi::madt::{Interrupts, build as build_any};
use alloc::vec::Vec;

/// There is a PIC too.
const HAS_PIC: u32 = 1 << 0;
/// An override's flags: as the bus says, which for ISA is edge-triggered and active high.
const AS_THE_BUS: u8 = 0;
/// An override's flags: level-triggered, active high.
const LEVEL_HIGH: u8 = 0b1101;

/// The timer comes in at pin 2; the system control interrupt and those that the chipset can give to PCI are
/// level-triggered.
const OVERRIDES: [(u8, u8, u8); 5] =
    [(0, 2, AS_THE_BUS), (5, 5, LEVEL_HIGH), (9, 9, LEVEL_HIGH), (10, 10, LEVEL_HIGH), (11, 11, LEVEL_HIGH)];

/// The table of a machine with so many vCPUs, whose APIC ids are 0 and up.
pub(super) fn build(vcpus: u32) -> Vec<u8> {
    build_any(vcpus, &Interrupts { flags: HAS_PIC, overrides: &OVERRIDES })
}
