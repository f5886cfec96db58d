//! MADT (ACPI 6.5, 5.2.12): processors and the I/O APIC.

use super::{OEM_ID, OEM_REVISION, OEM_TABLE_ID};
use crate::layout;
use acpi_tables::sdt::Sdt;
use alloc::vec::Vec;

/// The largest APIC id that a processor local APIC entry can carry; 255 is the broadcast id.
const XAPIC_ID_MAX: u32 = 254;
/// Bytes of the table's own header: the common one, the local APIC address, the flags.
const HEADER_BYTES: u32 = 44;
/// Revision of ACPI 6.x.
const REVISION: u8 = 5;
const ENABLED: u32 = 1;

/// How a platform's interrupts reach the I/O APIC.
pub(crate) struct Interrupts<'a> {
    /// The table's flags: whether there is a PIC too.
    pub(crate) flags: u32,
    /// ISA interrupts that differ from "interrupt `n` is pin `n`, edge-triggered, active high": interrupt, pin,
    /// flags.
    pub(crate) overrides: &'a [(u8, u8, u8)],
}

/// The micro platform has no PIC. Its system control interrupt is level-triggered, active high.
pub(super) const MICRO: Interrupts<'static> = Interrupts {
    flags: 0,
    overrides: &[(layout::SYSTEM_CONTROL_INTERRUPT as u8, layout::SYSTEM_CONTROL_INTERRUPT as u8, 0b1101)],
};

/// The table of a machine with so many vCPUs, whose APIC ids are 0 and up.
pub(crate) fn build(vcpus: u32, interrupts: &Interrupts<'_>) -> Vec<u8> {
    let mut table = Sdt::new(*b"APIC", HEADER_BYTES, REVISION, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    // The address has 32 bits in this table; ours is below 4 GiB.
    table.write_u32(36, layout::LOCAL_APIC_START.raw() as u32);
    table.write_u32(40, interrupts.flags);
    let mut entries: Vec<u8> = (0..vcpus).flat_map(processor).collect();
    entries.extend_from_slice(&io_apic());
    entries.extend(interrupts.overrides.iter().flat_map(source_override));
    entries.extend_from_slice(&local_nmi());
    table.append_slice(&entries);
    table.as_slice().to_vec()
}

/// A processor local APIC entry (type 0), or an x2APIC entry (type 9) where the id needs it.
fn processor(id: u32) -> Vec<u8> {
    if id > XAPIC_ID_MAX {
        let mut entry = alloc::vec![9, 16, 0, 0];
        entry.extend_from_slice(&id.to_le_bytes());
        entry.extend_from_slice(&ENABLED.to_le_bytes());
        entry.extend_from_slice(&id.to_le_bytes());
        return entry;
    }
    let mut entry = alloc::vec![0, 8, id as u8, id as u8];
    entry.extend_from_slice(&ENABLED.to_le_bytes());
    entry
}

/// The I/O APIC (type 1), whose first interrupt is 0.
fn io_apic() -> [u8; 12] {
    let mut entry = [1, 12, layout::IO_APIC_ID, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let address = (layout::IO_APIC_START.raw() as u32).to_le_bytes();
    entry[4..8].copy_from_slice(&address);
    entry
}

/// An interrupt source override (type 2) of an ISA interrupt.
fn source_override((interrupt, pin, flags): &(u8, u8, u8)) -> [u8; 10] {
    [2, 10, 0, *interrupt, *pin, 0, 0, 0, *flags, 0]
}

/// Local APIC NMI (type 4): LINT1 of all processors.
fn local_nmi() -> [u8; 6] {
    [4, 6, 0xFF, 0, 0, 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_do_not_fit_a_byte_get_an_x2apic_entry() {
        assert_eq!(processor(254), [0, 8, 254, 254, 1, 0, 0, 0]);
        assert_eq!(processor(255)[..8], [9, 16, 0, 0, 255, 0, 0, 0]);
        assert_eq!(processor(0x1234)[4..8], [0x34, 0x12, 0, 0]);
    }
}
