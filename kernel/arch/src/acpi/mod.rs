//! The ACPI tables, as far as the kernel needs them (ACPI 6.5, 5.2).
//!
//! Pure and bounded: everything is copied from [`Physical`] once and checked; what is damaged is
//! left out, what is missing has a sensible default. No AML is run; only `\_S5` is looked for.

mod fadt;
mod hpet;
mod madt;
mod mcfg;
mod root;
mod sleep;
mod srat;
#[cfg(test)]
mod tests;

pub use fadt::{Fadt, Register, RegisterSpace};
pub use hpet::Hpet;
pub use madt::{IoApic, Madt, Override, PROCESSORS_MAX, Processor};
pub use mcfg::Segment;
pub use root::{HEADER_BYTES, Tables};
pub use sleep::SleepTypes;
pub use srat::{MemoryAffinity, ProcessorAffinity, Srat};

use crate::physical::Physical;

/// What the firmware says about the board.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// Processors and interrupt controllers.
    pub madt: Option<Madt>,
    /// Power and reset.
    pub fadt: Option<Fadt>,
    /// What to write to turn the machine off.
    pub sleep: Option<SleepTypes>,
    /// The HPET.
    pub hpet: Option<Hpet>,
    /// PCI Express configuration space.
    pub pci: List<Segment, 8>,
    /// Which memory and processors are near each other.
    pub srat: Option<Srat>,
}

/// Reads everything. `rsdp` is where the loader says the RSDP is, or 0.
pub fn read(memory: &impl Physical, rsdp: u64) -> Option<Board> {
    let tables = Tables::find(memory, rsdp)?;
    let fadt = tables.find_table(memory, b"FACP").and_then(|table| Fadt::read(memory, table));
    Some(Board {
        madt: tables.find_table(memory, b"APIC").and_then(|table| Madt::read(memory, table)),
        sleep: fadt.as_ref().and_then(|fadt| sleep::find(memory, &tables, fadt.dsdt)),
        fadt,
        hpet: tables.find_table(memory, b"HPET").and_then(|table| Hpet::read(memory, table)),
        pci: tables.find_table(memory, b"MCFG").map(|table| mcfg::read(memory, table)).unwrap_or_default(),
        srat: tables.find_table(memory, b"SRAT").and_then(|table| Srat::read(memory, table)),
    })
}

/// A table whose header is right and whose checksum is too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table {
    /// Where its header starts.
    pub start: u64,
    /// Bytes, header included.
    pub bytes: u64,
}

/// A list of at most `N` entries; more are dropped.
#[derive(Clone, Debug)]
pub struct List<T, const N: usize> {
    entries: [T; N],
    length: usize,
}

impl<T: Copy + Default, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self { entries: [T::default(); N], length: 0 }
    }
}

impl<T, const N: usize> List<T, N> {
    /// Appends an entry if there is room.
    fn push(&mut self, entry: T) {
        if let Some(slot) = self.entries.get_mut(self.length) {
            *slot = entry;
            self.length += 1;
        }
    }

    /// The entries.
    pub fn as_slice(&self) -> &[T] {
        self.entries.get(..self.length).unwrap_or(&[])
    }
}

/// Calls `visit` with each sub-table (type, content from its start on) of the MADT or SRAT.
fn for_each_entry(memory: &impl Physical, table: Table, first: u64, mut visit: impl FnMut(u8, &[u8])) {
    /// Entries of one table at the most: 255 processors, twice, and some more.
    const ENTRIES_MAX: usize = 4096;
    /// The longest entry that anyone here reads.
    const ENTRY_BYTES: usize = 40;
    let mut at = first;
    for _ in 0..ENTRIES_MAX {
        if at.saturating_add(2) > table.bytes {
            return;
        }
        let mut head = [0; 2];
        if !memory.read(table.start.saturating_add(at), &mut head) {
            return;
        }
        let [kind, length] = head;
        if length < 2 || at.saturating_add(u64::from(length)) > table.bytes {
            return;
        }
        let mut copy = [0; ENTRY_BYTES];
        let Some(entry) = copy.get_mut(..usize::from(length).min(ENTRY_BYTES)) else { return };
        if !memory.read(table.start.saturating_add(at), entry) {
            return;
        }
        visit(kind, entry);
        at = at.saturating_add(u64::from(length));
    }
}
