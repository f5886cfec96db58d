//! The packed ring (2.8): one ring of descriptors that driver and device write in turn.

use super::{
    chain::{Chain, Token},
    descriptor::{RawDescriptor, entry_at, walk_sequence},
    passes_event,
    state::{Format, QueueAreas},
};
use crate::fault::Fault;
use base_units::Gpa;
use core::sync::atomic::{Ordering, fence};
use serde::{Deserialize, Serialize};
use spec::virtio::{
    DESCRIPTOR_AVAILABLE, DESCRIPTOR_INDIRECT, DESCRIPTOR_NEXT, DESCRIPTOR_USED, DESCRIPTOR_WRITE,
    EVENT_DESCRIPTOR, EVENT_DISABLE, EVENT_ENABLE,
};
use vmm_bus::GuestMemory;

/// Offset of the length in a descriptor; id and flags follow.
const LENGTH: u64 = 8;
/// Offset of the id.
const ID: u64 = 12;
/// Offset of the flags.
const FLAGS: u64 = 14;
/// Event suppression: offset of the flags, behind the descriptor's place.
const EVENT_FLAGS: u64 = 2;
/// Event suppression: bit of the wrap counter.
const EVENT_WRAP: u16 = 1 << 15;
/// Bytes of an event suppression structure.
const EVENT_BYTES: u64 = 4;

/// A place in the ring with its wrap counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Place {
    index: u16,
    wrap: bool,
}

impl Place {
    /// Both counters start at 1 (2.8.1).
    const FIRST: Self = Self { index: 0, wrap: true };

    /// The place `count` descriptors on; `count` is at most `size`.
    fn advance(self, count: u16, size: u16) -> Self {
        let index = u32::from(self.index).saturating_add(u32::from(count));
        match index.checked_sub(u32::from(size)) {
            Some(rest) => Self { index: rest as u16, wrap: !self.wrap },
            None => Self { index: index as u16, wrap: self.wrap },
        }
    }
}

/// How far the device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Packed {
    available: Place,
    used: Place,
    /// Descriptors of requests taken and not completed.
    in_flight: u16,
    /// Descriptors completed since the driver was interrupted last.
    unsignalled: u16,
}

impl Default for Packed {
    fn default() -> Self {
        Self { available: Place::FIRST, used: Place::FIRST, in_flight: 0, unsignalled: 0 }
    }
}

impl Packed {
    /// Refuses a saved position that no ring of this size has.
    pub(super) fn fits(&self, size: u16) -> bool {
        self.available.index < size && self.used.index < size && self.in_flight <= size
    }

    /// Whether the driver has put something in the ring.
    pub(super) fn has_available(&self, areas: &QueueAreas, memory: &dyn GuestMemory) -> Result<bool, Fault> {
        let place = entry_at(areas.descriptors, self.available.index)?;
        let flags = memory.read_u16(after(place, FLAGS)?)?;
        // 2.8.1: available if the one bit equals the wrap counter and the other does not.
        let available = flags & DESCRIPTOR_AVAILABLE != 0;
        let used = flags & DESCRIPTOR_USED != 0;
        Ok(available == self.available.wrap && used != self.available.wrap)
    }

    /// Takes the next request.
    pub(super) fn pop(
        &mut self,
        areas: &QueueAreas,
        format: Format,
        memory: &dyn GuestMemory,
        chain: &mut Chain,
    ) -> Result<bool, Fault> {
        if !self.has_available(areas, memory)? {
            return Ok(false);
        }
        // The descriptor was written before its flags.
        fence(Ordering::Acquire);
        chain.clear();
        let room = areas.size.saturating_sub(self.in_flight);
        let mut place = self.available;
        // 2.8.6: a list takes at most the whole ring. What is in flight already cannot be part of it.
        for slots in 1..=room {
            let descriptor = RawDescriptor::read(memory, entry_at(areas.descriptors, place.index)?)?;
            place = place.advance(1, areas.size);
            if add(&descriptor, format, memory, chain)? == Last::No {
                continue;
            }
            chain.set_token(Token { id: descriptor.third, slots });
            self.available = place;
            self.in_flight = self.in_flight.saturating_add(slots);
            return Ok(true);
        }
        Err(if self.in_flight == 0 { Fault::ChainTooLong } else { Fault::TooManyInFlight })
    }

    /// Gives a request back with `written` bytes written.
    pub(super) fn complete(
        &mut self,
        areas: &QueueAreas,
        memory: &dyn GuestMemory,
        token: Token,
        written: u32,
    ) -> Result<(), Fault> {
        let place = entry_at(areas.descriptors, self.used.index)?;
        memory.write_u32(after(place, LENGTH)?, written)?;
        memory.write_u16(after(place, ID)?, token.id)?;
        let mut flags = if self.used.wrap { DESCRIPTOR_AVAILABLE | DESCRIPTOR_USED } else { 0 };
        if written > 0 {
            flags |= DESCRIPTOR_WRITE;
        }
        // 2.8.6: the driver sees the flags only after the rest.
        fence(Ordering::Release);
        memory.write_u16(after(place, FLAGS)?, flags)?;
        let slots = token.slots.min(areas.size);
        self.used = self.used.advance(slots, areas.size);
        self.in_flight = self.in_flight.saturating_sub(slots);
        self.unsignalled = self.unsignalled.saturating_add(slots);
        Ok(())
    }

    /// Whether the driver wants to be interrupted for what was completed (2.8.10).
    pub(super) fn needs_interrupt(
        &mut self,
        areas: &QueueAreas,
        memory: &dyn GuestMemory,
    ) -> Result<bool, Fault> {
        fence(Ordering::SeqCst);
        let passed = core::mem::take(&mut self.unsignalled);
        let flags = memory.read_u16(after(areas.driver, EVENT_FLAGS)?)?;
        match flags & 3 {
            EVENT_DISABLE => Ok(false),
            EVENT_DESCRIPTOR if passed < areas.size => {
                let event = memory.read_u16(areas.driver)?;
                Ok(self.passed_event(event, passed, areas.size))
            }
            _ => Ok(passed > 0),
        }
    }

    /// Tells the driver whether to notify the device of new requests.
    pub(super) fn set_notifications(
        &mut self,
        areas: &QueueAreas,
        format: Format,
        memory: &dyn GuestMemory,
        wanted: bool,
    ) -> Result<(), Fault> {
        let mut flags = if wanted { EVENT_ENABLE } else { EVENT_DISABLE };
        if wanted && format.event_index {
            let wrap = if self.available.wrap { EVENT_WRAP } else { 0 };
            memory.write_u16(areas.device, self.available.index | wrap)?;
            flags = EVENT_DESCRIPTOR;
        }
        // The place is there before the flags say so.
        fence(Ordering::Release);
        memory.write_u16(after(areas.device, EVENT_FLAGS)?, flags)?;
        Ok(())
    }

    /// Whether the last `passed` used descriptors went over the place that the driver named. Places of the
    /// round before count below zero.
    fn passed_event(&self, event: u16, passed: u16, size: u16) -> bool {
        let wrap = event & EVENT_WRAP != 0;
        let mut place = event & !EVENT_WRAP;
        if wrap != self.used.wrap {
            place = place.wrapping_sub(size);
        }
        passes_event(place, self.used.index, self.used.index.wrapping_sub(passed))
    }
}

#[derive(PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

/// Adds one descriptor of the ring, or the table that it names, to the chain.
fn add(
    descriptor: &RawDescriptor,
    format: Format,
    memory: &dyn GuestMemory,
    chain: &mut Chain,
) -> Result<Last, Fault> {
    let flags = descriptor.fourth;
    let has_next = flags & DESCRIPTOR_NEXT != 0;
    if flags & DESCRIPTOR_INDIRECT != 0 {
        // 2.8.7: an indirect descriptor stands alone and must have been negotiated.
        if has_next || !format.indirect {
            return Err(Fault::BadIndirect);
        }
        walk_sequence(memory, descriptor.table()?, chain)?;
    } else {
        descriptor.add_to(flags, memory, chain)?;
    }
    Ok(if has_next { Last::No } else { Last::Yes })
}

/// Bytes of the three areas for `size` descriptors.
pub(super) fn area_bytes(size: u16) -> [u64; 3] {
    [u64::from(size) * 16, EVENT_BYTES, EVENT_BYTES]
}

fn after(area: Gpa, offset: u64) -> Result<Gpa, Fault> {
    area.checked_add(offset).ok_or(Fault::BadAddress)
}
