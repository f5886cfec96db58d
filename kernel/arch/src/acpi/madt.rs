//! MADT: processors and interrupt controllers (ACPI 6.5, 5.2.12).

use super::{List, Table, for_each_entry};
use crate::physical::{Physical, field_u16, field_u32, field_u64};

/// Processors that are listed at the most.
pub const PROCESSORS_MAX: usize = 256;
/// I/O APICs at the most.
const IO_APICS_MAX: usize = 16;
/// ISA interrupts.
const OVERRIDES_MAX: usize = 16;

/// A processor that can be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Processor {
    /// The id of its local APIC.
    pub apic_id: u32,
}

/// An I/O APIC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IoApic {
    /// Physical address of its registers.
    pub address: u32,
    /// The global number of its first line.
    pub first_line: u32,
}

/// An ISA interrupt that is not wired as usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Override {
    /// The ISA number.
    pub isa: u8,
    /// The global line that it arrives on.
    pub line: u32,
    /// Level-triggered instead of edge-triggered.
    pub is_level: bool,
    /// Active low instead of active high.
    pub is_active_low: bool,
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct Madt {
    /// Physical address of the local APICs' registers (xAPIC mode).
    pub local_apic: u64,
    /// The processors that can be started, in the firmware's order.
    pub processors: List<Processor, PROCESSORS_MAX>,
    /// The I/O APICs.
    pub io_apics: List<IoApic, IO_APICS_MAX>,
    /// The ISA interrupts with a wiring of their own.
    pub overrides: List<Override, OVERRIDES_MAX>,
}

impl Madt {
    /// What a PC has whose firmware brings no table: one I/O APIC, ISA interrupt n on its line n (Intel, MultiProcessor
    /// Specification 1.4, 5: default configurations). Whether it is there is seen by reading it.
    pub fn of_a_pc() -> Self {
        let mut madt = Self { local_apic: 0xfee0_0000, ..Self::default() };
        madt.io_apics.push(IoApic { address: 0xfec0_0000, first_line: 0 });
        madt
    }

    pub(super) fn read(memory: &impl Physical, table: Table) -> Option<Self> {
        let local_apic = u64::from(memory.read_u32(table.start.checked_add(36)?)?);
        let mut madt = Self { local_apic, ..Self::default() };
        for_each_entry(memory, table, 44, |kind, entry| {
            // An entry that is too short for its kind is left out.
            let _ = madt.take(kind, entry);
        });
        Some(madt)
    }

    fn take(&mut self, kind: u8, entry: &[u8]) -> Option<()> {
        match kind {
            0 => self.add_processor(u32::from(*entry.get(3)?), field_u32(entry, 4)?),
            1 => {
                self.io_apics.push(IoApic { address: field_u32(entry, 4)?, first_line: field_u32(entry, 8)? })
            }
            2 => {
                let flags = field_u16(entry, 8)?;
                // "Conforms to the bus" is edge and high for ISA.
                self.overrides.push(Override {
                    isa: *entry.get(3)?,
                    line: field_u32(entry, 4)?,
                    is_active_low: flags & 0b11 == 0b11,
                    is_level: flags >> 2 & 0b11 == 0b11,
                });
            }
            5 => self.local_apic = field_u64(entry, 4)?,
            9 => self.add_processor(field_u32(entry, 4)?, field_u32(entry, 8)?),
            _ => {}
        }
        Some(())
    }

    /// Flags: bit 0 = usable now; the others could only be plugged in later.
    fn add_processor(&mut self, apic_id: u32, flags: u32) {
        let processor = Processor { apic_id };
        // Firmware may list a processor both as APIC and as x2APIC.
        if flags & 1 != 0 && !self.processors.as_slice().contains(&processor) {
            self.processors.push(processor);
        }
    }

    /// How ISA interrupt `isa` is wired.
    pub fn isa(&self, isa: u8) -> Override {
        let usual = Override { isa, line: u32::from(isa), is_level: false, is_active_low: false };
        self.overrides.as_slice().iter().copied().find(|entry| entry.isa == isa).unwrap_or(usual)
    }
}
