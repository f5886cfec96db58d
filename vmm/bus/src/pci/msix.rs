//! The MSI-X table and its pending bits (PCI 3.0, 6.8.2).

use crate::{
    access::{AccessSize, read_dwords, write_dwords},
    effects::Effects,
    interrupt::Msi,
};
use alloc::{vec, vec::Vec};
use serde::{Deserialize, Serialize};
use spec::pci::{MSIX_ENABLE, MSIX_ENTRY_BYTES, MSIX_FUNCTION_MASK, MSIX_VECTOR_MASK};
use vmm_snapshot::RestoreError;

/// Vectors of one function at the most; the specification allows 2048.
pub const VECTORS_MAX: u16 = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    address_low: u32,
    address_high: u32,
    data: u32,
    control: u32,
    is_pending: bool,
}

/// After a reset every vector is masked (PCI 3.0, 6.8.2.9).
const RESET_ENTRY: Entry =
    Entry { address_low: 0, address_high: 0, data: 0, control: MSIX_VECTOR_MASK, is_pending: false };

/// The vectors of one function.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MsixTable {
    entries: Vec<Entry>,
    /// Message control as the capability says it: enable and function mask.
    control: u16,
}

impl MsixTable {
    /// A table with `vectors` masked vectors (at most [`VECTORS_MAX`]).
    pub fn new(vectors: u16) -> Self {
        Self { entries: vec![RESET_ENTRY; usize::from(vectors.min(VECTORS_MAX))], control: 0 }
    }

    /// Number of vectors.
    pub fn len(&self) -> u16 {
        u16::try_from(self.entries.len()).unwrap_or(VECTORS_MAX)
    }

    /// Whether the function has no vector.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the function uses MSI-X instead of its line.
    pub fn is_enabled(&self) -> bool {
        self.control & MSIX_ENABLE != 0
    }

    /// Returns to the state after power-on.
    pub fn reset(&mut self) {
        self.entries.fill(RESET_ENTRY);
        self.control = 0;
    }

    /// Takes over message control after software wrote it; sends what was pending and now may go.
    pub fn set_control(&mut self, control: u16, effects: &mut Effects) {
        self.control = control & (MSIX_ENABLE | MSIX_FUNCTION_MASK);
        if self.may_send() {
            self.entries.iter_mut().for_each(|entry| entry.send_pending(effects));
        }
    }

    /// Signals `vector`: sends its message, or keeps it pending while masked. A vector that does not
    /// exist, or MSI-X that is off, drops it.
    pub fn signal(&mut self, vector: u16, effects: &mut Effects) {
        let may_send = self.may_send();
        let is_enabled = self.is_enabled();
        let Some(entry) = self.entries.get_mut(usize::from(vector)) else { return };
        if may_send && !entry.is_masked() {
            effects.send(entry.message());
        } else if is_enabled {
            entry.is_pending = true;
        }
    }

    /// Reads the table.
    pub fn read_table(&self, offset: u64, size: AccessSize) -> u64 {
        read_dwords(offset, size, |register| self.register(register))
    }

    /// Writes the table. Software writes aligned dwords or qwords only (PCI 3.0, 6.8.2); others are ignored.
    pub fn write_table(&mut self, offset: u64, size: AccessSize, value: u64, effects: &mut Effects) {
        write_dwords(offset, size, value, |register, value| self.write_register(register, value, effects));
    }

    /// Reads the pending bits.
    pub fn read_pending(&self, offset: u64, size: AccessSize) -> u64 {
        let first = offset.saturating_mul(8);
        let mut bits = 0;
        for bit in 0..size.bytes().saturating_mul(8) {
            let index = usize::try_from(first.saturating_add(bit)).unwrap_or(usize::MAX);
            let is_pending = self.entries.get(index).is_some_and(|entry| entry.is_pending);
            bits |= u64::from(is_pending) << bit;
        }
        bits
    }

    /// Refuses a saved table that does not fit this function.
    pub fn check_restored(&self, saved: &Self) -> Result<(), RestoreError> {
        if saved.entries.len() == self.entries.len() {
            Ok(())
        } else {
            Err(RestoreError::Impossible("the number of interrupt vectors differs"))
        }
    }

    fn may_send(&self) -> bool {
        self.control & (MSIX_ENABLE | MSIX_FUNCTION_MASK) == MSIX_ENABLE
    }

    fn register(&self, offset: u64) -> u32 {
        let Some(entry) = entry_index(offset).and_then(|index| self.entries.get(index)) else { return 0 };
        match offset % MSIX_ENTRY_BYTES {
            0 => entry.address_low,
            4 => entry.address_high,
            8 => entry.data,
            _ => entry.control,
        }
    }

    fn write_register(&mut self, offset: u64, value: u32, effects: &mut Effects) {
        let may_send = self.may_send();
        let Some(entry) = entry_index(offset).and_then(|index| self.entries.get_mut(index)) else { return };
        match offset % MSIX_ENTRY_BYTES {
            0 => entry.address_low = value & !3,
            4 => entry.address_high = value,
            8 => entry.data = value,
            _ => {
                entry.control = value & MSIX_VECTOR_MASK;
                if may_send {
                    entry.send_pending(effects);
                }
            }
        }
    }
}

fn entry_index(offset: u64) -> Option<usize> {
    usize::try_from(offset / MSIX_ENTRY_BYTES).ok()
}

impl Entry {
    fn is_masked(&self) -> bool {
        self.control & MSIX_VECTOR_MASK != 0
    }

    fn message(&self) -> Msi {
        Msi { address: u64::from(self.address_high) << 32 | u64::from(self.address_low), data: self.data }
    }

    fn send_pending(&mut self, effects: &mut Effects) {
        if self.is_pending && !self.is_masked() {
            self.is_pending = false;
            effects.send(self.message());
        }
    }
}
