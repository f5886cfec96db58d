//! Descriptors as the guest wrote them, and indirect tables of them.

use crate::{
    fault::Fault,
    queue::chain::{Chain, SEGMENTS_MAX},
};
use base_units::Gpa;
use spec::virtio::{DESCRIPTOR_BYTES, DESCRIPTOR_INDIRECT, DESCRIPTOR_NEXT, DESCRIPTOR_WRITE};
use vmm_bus::{GuestMemory, GuestRange};

/// A descriptor copied from guest memory. Nothing in it has been checked. Both ring formats have address
/// and length first (2.7.5, 2.8.13); the last two fields trade places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RawDescriptor {
    pub(super) address: u64,
    pub(super) bytes: u32,
    /// `flags` in a split ring, `id` in a packed one.
    pub(super) third: u16,
    /// `next` in a split ring, `flags` in a packed one.
    pub(super) fourth: u16,
}

impl RawDescriptor {
    pub(super) fn read(memory: &dyn GuestMemory, at: Gpa) -> Result<Self, Fault> {
        let mut raw = [0; DESCRIPTOR_BYTES as usize];
        memory.read(at, &mut raw)?;
        let [a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, c0, c1, d0, d1] = raw;
        Ok(Self {
            address: u64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]),
            bytes: u32::from_le_bytes([b0, b1, b2, b3]),
            third: u16::from_le_bytes([c0, c1]),
            fourth: u16::from_le_bytes([d0, d1]),
        })
    }

    fn range(&self) -> GuestRange {
        GuestRange { start: Gpa::new(self.address), bytes: u64::from(self.bytes) }
    }

    /// Adds the buffer to the chain after checking that it is RAM.
    pub(super) fn add_to(
        &self,
        flags: u16,
        memory: &dyn GuestMemory,
        chain: &mut Chain,
    ) -> Result<(), Fault> {
        let range = self.range();
        // An empty buffer names no memory at all.
        if range.bytes == 0 {
            return Ok(());
        }
        memory.check(range)?;
        if flags & DESCRIPTOR_WRITE != 0 { chain.push_writable(range) } else { chain.push_readable(range) }
    }

    /// The table that an indirect descriptor names: its start and number of entries (2.7.5.3, 2.8.7).
    pub(super) fn table(&self) -> Result<(Gpa, u16), Fault> {
        let bytes = u64::from(self.bytes);
        let entries = bytes / DESCRIPTOR_BYTES;
        let is_whole = bytes.is_multiple_of(DESCRIPTOR_BYTES) && entries > 0;
        if !is_whole || entries > SEGMENTS_MAX as u64 {
            return Err(Fault::BadIndirect);
        }
        Ok((Gpa::new(self.address), u16::try_from(entries).map_err(|_| Fault::BadIndirect)?))
    }
}

/// Where entry `index` of a table lies.
pub(super) fn entry_at(table: Gpa, index: u16) -> Result<Gpa, Fault> {
    table.checked_add(u64::from(index) * DESCRIPTOR_BYTES).ok_or(Fault::BadAddress)
}

/// Follows a chain through a table of a split ring from entry `first` on: the ring's own table, or an
/// indirect one. Returns the descriptor with which it leaves the table: an indirect one, at the end.
pub(super) fn walk_linked(
    memory: &dyn GuestMemory,
    (table, entries): (Gpa, u16),
    first: u16,
    chain: &mut Chain,
) -> Result<Option<RawDescriptor>, Fault> {
    let mut index = first;
    // 2.7.5.2: a chain is not longer than its table, which also ends loops.
    for _ in 0..entries {
        if index >= entries {
            return Err(Fault::BadIndex);
        }
        let descriptor = RawDescriptor::read(memory, entry_at(table, index)?)?;
        let (flags, next) = (descriptor.third, descriptor.fourth);
        let has_next = flags & DESCRIPTOR_NEXT != 0;
        if flags & DESCRIPTOR_INDIRECT != 0 {
            return if has_next { Err(Fault::BadIndirect) } else { Ok(Some(descriptor)) };
        }
        descriptor.add_to(flags, memory, chain)?;
        if !has_next {
            return Ok(None);
        }
        index = next;
    }
    Err(Fault::ChainTooLong)
}

/// Adds all entries of an indirect table of a packed ring (2.8.7): they follow one another.
pub(super) fn walk_sequence(
    memory: &dyn GuestMemory,
    (table, entries): (Gpa, u16),
    chain: &mut Chain,
) -> Result<(), Fault> {
    for index in 0..entries {
        let descriptor = RawDescriptor::read(memory, entry_at(table, index)?)?;
        // Only the direction counts here (2.8.7): the other flags are reserved.
        descriptor.add_to(descriptor.fourth & DESCRIPTOR_WRITE, memory, chain)?;
    }
    Ok(())
}
