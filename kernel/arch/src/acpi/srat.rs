//! SRAT: which memory and processors are near each other (ACPI 6.5, 5.2.16).

use super::{List, Table, for_each_entry};
use crate::physical::{Physical, field_u32, field_u64};

/// Memory of one proximity domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MemoryAffinity {
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub bytes: u64,
    /// Proximity domain.
    pub domain: u32,
}

/// A processor and its proximity domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProcessorAffinity {
    /// The id of its local APIC.
    pub apic_id: u32,
    /// Proximity domain.
    pub domain: u32,
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct Srat {
    /// Memory.
    pub memory: List<MemoryAffinity, 64>,
    /// Processors.
    pub processors: List<ProcessorAffinity, 256>,
}

impl Srat {
    pub(super) fn read(memory: &impl Physical, table: Table) -> Option<Self> {
        let mut srat = Self::default();
        for_each_entry(memory, table, 48, |kind, entry| {
            // An entry that is too short for its kind is left out.
            let _ = srat.take(kind, entry);
        });
        Some(srat)
    }

    fn take(&mut self, kind: u8, entry: &[u8]) -> Option<()> {
        match kind {
            0 if field_u32(entry, 4)? & 1 != 0 => {
                let [high_1, high_2, high_3] = [entry.get(9)?, entry.get(10)?, entry.get(11)?];
                let domain = u32::from_le_bytes([*entry.get(2)?, *high_1, *high_2, *high_3]);
                self.processors.push(ProcessorAffinity { apic_id: u32::from(*entry.get(3)?), domain });
            }
            1 if field_u32(entry, 28)? & 1 != 0 => self.memory.push(MemoryAffinity {
                start: field_u64(entry, 8)?,
                bytes: field_u64(entry, 16)?,
                domain: field_u32(entry, 2)?,
            }),
            2 if field_u32(entry, 12)? & 1 != 0 => self
                .processors
                .push(ProcessorAffinity { apic_id: field_u32(entry, 8)?, domain: field_u32(entry, 4)? }),
            _ => {}
        }
        Some(())
    }
}
