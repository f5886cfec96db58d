//! The driver's half of a queue.

use super::{packed_driver::PackedDriver, split_driver::SplitDriver};
use crate::queue::{Queue, QueueAreas};
use alloc::vec::Vec;
use base_units::Gpa;
use spec::virtio::{
    DESCRIPTOR_BYTES, DESCRIPTOR_INDIRECT, DESCRIPTOR_NEXT, DESCRIPTOR_WRITE, FEATURE_EVENT_INDEX,
    FEATURE_INDIRECT, FEATURE_PACKED,
};
use vmm_bus::{FlatMemory, GuestMemory, GuestRange};

/// Who writes a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The device reads it.
    ToDevice,
    /// The device writes it.
    FromDevice,
}

/// One buffer of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Buffer {
    /// Where it lies.
    pub range: GuestRange,
    /// Who writes it.
    pub direction: Direction,
}

/// When the driver wants to be interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Never.
    Never,
    /// For the next request that is completed.
    Next,
}

enum Ring {
    Split(SplitDriver),
    Packed(PackedDriver),
}

/// The driver's half of a queue whose areas lie one after the other from `base` on.
pub struct DriverQueue {
    areas: QueueAreas,
    ring: Ring,
    indirect: bool,
}

impl DriverQueue {
    /// Bytes of guest memory that the areas of any queue of up to 256 descriptors take, and its
    /// indirect tables.
    pub const BYTES: u64 = 0x1_0000;
    /// Descriptors in one indirect table at the most.
    const TABLE_ENTRIES: u64 = 8;
    /// Where the indirect tables begin.
    const TABLES: u64 = 0x4000;

    /// A queue of `size` descriptors in the format that `features` ask for; tables are used for requests of
    /// several buffers if indirect descriptors are among them.
    pub fn new(base: Gpa, size: u16, features: u64) -> Self {
        let at = |offset: u64| Gpa::new(base.raw() + offset);
        let areas = QueueAreas { descriptors: at(0), driver: at(0x1000), device: at(0x2000), size };
        let event_index = features & FEATURE_EVENT_INDEX != 0;
        let ring = if features & FEATURE_PACKED != 0 {
            Ring::Packed(PackedDriver::new(size, event_index))
        } else {
            Ring::Split(SplitDriver::new(size, event_index))
        };
        Self { areas, ring, indirect: features & FEATURE_INDIRECT != 0 }
    }

    /// Where the queue lies.
    pub fn areas(&self) -> &QueueAreas {
        &self.areas
    }

    /// Tells `queue` where it lies and turns it on: what the transport does for a driver.
    pub fn turn_on(&self, queue: &mut Queue, features: u64, memory: &FlatMemory) {
        if let Some(areas) = queue.areas_mut() {
            *areas = self.areas;
        }
        assert_eq!(queue.turn_on(features, memory), Ok(()), "the driver's areas are right");
    }

    /// Makes a request available; `None` if the queue is full. Returns its id.
    pub fn add(&mut self, memory: &FlatMemory, buffers: &[Buffer]) -> Option<u16> {
        let use_table = self.indirect && buffers.len() > 1 && buffers.len() as u64 <= Self::TABLE_ENTRIES;
        let needed = if use_table { 1 } else { buffers.len() };
        if needed == 0 || needed > usize::from(self.free()) {
            return None;
        }
        let descriptors = if use_table { self.table(memory, buffers)? } else { plain(buffers) };
        Some(match &mut self.ring {
            Ring::Split(ring) => ring.add(memory, &self.areas, &descriptors),
            Ring::Packed(ring) => ring.add(memory, &self.areas, &descriptors),
        })
    }

    /// Takes the next completed request: its id and the bytes written.
    pub fn take_used(&mut self, memory: &FlatMemory) -> Option<(u16, u32)> {
        match &mut self.ring {
            Ring::Split(ring) => ring.take_used(memory, &self.areas),
            Ring::Packed(ring) => ring.take_used(memory, &self.areas),
        }
    }

    /// Says when the driver wants to be interrupted.
    pub fn wish(&mut self, memory: &FlatMemory, wish: Wish) {
        match &mut self.ring {
            Ring::Split(ring) => ring.wish(memory, &self.areas, wish),
            Ring::Packed(ring) => ring.wish(memory, &self.areas, wish),
        }
    }

    /// Whether the device wants a notification of what was added since the last call.
    pub fn must_notify(&mut self, memory: &FlatMemory) -> bool {
        match &mut self.ring {
            Ring::Split(ring) => ring.must_notify(memory, &self.areas),
            Ring::Packed(ring) => ring.must_notify(memory, &self.areas),
        }
    }

    /// Free descriptors.
    pub fn free(&self) -> u16 {
        match &self.ring {
            Ring::Split(ring) => ring.free(),
            Ring::Packed(ring) => ring.free(),
        }
    }

    /// The id that the next request will have: its table stands at that place.
    fn next_id(&self) -> u16 {
        match &self.ring {
            Ring::Split(ring) => ring.next_id(),
            Ring::Packed(ring) => ring.next_id(),
        }
    }

    /// Writes an indirect table and the descriptor that names it.
    fn table(&self, memory: &FlatMemory, buffers: &[Buffer]) -> Option<Vec<Descriptor>> {
        let is_packed = matches!(self.ring, Ring::Packed(_));
        let bytes = Self::TABLE_ENTRIES * DESCRIPTOR_BYTES;
        let offset = Self::TABLES + u64::from(self.next_id()) * bytes;
        let table = self.areas.descriptors.checked_add(offset)?;
        let mut place = table;
        for (index, entry) in (1u16..).zip(plain(buffers)) {
            // In a packed table the entries follow one another; in a split one they are linked.
            let raw =
                if is_packed { entry.packed(0, entry.flags & DESCRIPTOR_WRITE) } else { entry.split(index) };
            memory.write(place, &raw).ok()?;
            place = place.checked_add(DESCRIPTOR_BYTES)?;
        }
        let bytes = u32::try_from(buffers.len() as u64 * DESCRIPTOR_BYTES).ok()?;
        Some(alloc::vec![Descriptor { address: table.raw(), bytes, flags: DESCRIPTOR_INDIRECT }])
    }
}

/// A descriptor as the driver thinks of it.
#[derive(Clone, Copy)]
pub(super) struct Descriptor {
    pub(super) address: u64,
    pub(super) bytes: u32,
    pub(super) flags: u16,
}

impl Descriptor {
    /// As it stands in a split ring.
    pub(super) fn split(&self, next: u16) -> [u8; 16] {
        self.raw(self.flags, next)
    }

    /// As it stands in a packed ring.
    pub(super) fn packed(&self, id: u16, flags: u16) -> [u8; 16] {
        self.raw(id, flags)
    }

    fn raw(&self, third: u16, fourth: u16) -> [u8; 16] {
        let value = u128::from(self.address)
            | u128::from(self.bytes) << 64
            | u128::from(third) << 96
            | u128::from(fourth) << 112;
        value.to_le_bytes()
    }
}

/// One descriptor for each buffer, linked.
fn plain(buffers: &[Buffer]) -> Vec<Descriptor> {
    let last = buffers.len().saturating_sub(1);
    let flags = |index: usize, direction: Direction| {
        let next = if index < last { DESCRIPTOR_NEXT } else { 0 };
        next | if direction == Direction::FromDevice { DESCRIPTOR_WRITE } else { 0 }
    };
    let descriptor = |(index, buffer): (usize, &Buffer)| Descriptor {
        address: buffer.range.start.raw(),
        bytes: u32::try_from(buffer.range.bytes).unwrap_or(u32::MAX),
        flags: flags(index, buffer.direction),
    };
    buffers.iter().enumerate().map(descriptor).collect()
}

/// Reads what the driver itself or the device wrote within the areas.
pub(super) fn read_u16(memory: &FlatMemory, area: Gpa, offset: u64) -> u16 {
    memory.read_u16(Gpa::new(area.raw() + offset)).unwrap_or(0)
}

/// Writes within the areas.
pub(super) fn write_u16(memory: &FlatMemory, area: Gpa, offset: u64, value: u16) {
    // The areas were checked when the queue was turned on.
    let _ = memory.write_u16(Gpa::new(area.raw() + offset), value);
}
