//! MCFG: PCI Express configuration space (PCI Firmware 3.3, 4.1.2).

use super::{List, Table};
use crate::physical::{Physical, field_u16, field_u64};

/// Buses of one segment whose configuration space is in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// Physical address of bus 0's space.
    pub address: u64,
    /// Segment number.
    pub number: u16,
    /// First bus.
    pub first_bus: u8,
    /// Last bus.
    pub last_bus: u8,
}

pub(super) fn read(memory: &impl Physical, table: Table) -> List<Segment, 8> {
    let mut segments = List::default();
    let count = table.bytes.saturating_sub(44) / 16;
    for index in 0..count.min(8) {
        let mut entry = [0; 16];
        if memory.read(table.start.saturating_add(44 + index * 16), &mut entry)
            && let (Some(address), Some(number)) = (field_u64(&entry, 0), field_u16(&entry, 8))
        {
            let [.., first_bus, last_bus, _, _, _, _] = entry;
            segments.push(Segment { address, number, first_bus, last_bus });
        }
    }
    segments
}
