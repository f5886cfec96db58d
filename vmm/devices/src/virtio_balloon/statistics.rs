//! What a guest says about its memory (5.5.6.3).

use serde::{Deserialize, Serialize};
use vmm_virtio::{Fault, Guest, Parts};

/// Bytes of one entry: tag and value.
const ENTRY_BYTES: usize = 10;
/// Entries looked at in one buffer at the most.
const ENTRIES_MAX: u64 = 32;

/// Figures that the guest reported last, in bytes or events; `None` = never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MemoryStatistics {
    /// Bytes swapped in.
    pub swap_in: Option<u64>,
    /// Bytes swapped out.
    pub swap_out: Option<u64>,
    /// Faults that needed the disk.
    pub major_faults: Option<u64>,
    /// Faults that did not.
    pub minor_faults: Option<u64>,
    /// Bytes unused.
    pub free: Option<u64>,
    /// Bytes in all.
    pub total: Option<u64>,
    /// Bytes that could be given to new programs.
    pub available: Option<u64>,
    /// Bytes that cache the disk.
    pub caches: Option<u64>,
}

impl MemoryStatistics {
    /// Takes over what stands in a buffer of the statistics queue.
    pub(super) fn read(&mut self, guest: &Guest<'_>, buffer: Parts<'_>) -> Result<(), Fault> {
        let entries = (buffer.len() / ENTRY_BYTES as u64).min(ENTRIES_MAX);
        for index in 0..entries {
            let mut raw = [0; ENTRY_BYTES];
            buffer.read(guest.memory, index.saturating_mul(ENTRY_BYTES as u64), &mut raw)?;
            let [t0, t1, v0, v1, v2, v3, v4, v5, v6, v7] = raw;
            let value = u64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7]);
            if let Some(field) = self.field(u16::from_le_bytes([t0, t1])) {
                *field = Some(value);
            }
        }
        Ok(())
    }

    /// The field of a tag; newer drivers have tags that nobody here asks for.
    fn field(&mut self, tag: u16) -> Option<&mut Option<u64>> {
        Some(match tag {
            0 => &mut self.swap_in,
            1 => &mut self.swap_out,
            2 => &mut self.major_faults,
            3 => &mut self.minor_faults,
            4 => &mut self.free,
            5 => &mut self.total,
            6 => &mut self.available,
            7 => &mut self.caches,
            _ => return None,
        })
    }
}
