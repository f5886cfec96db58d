//! The split ring (2.7): descriptor table, available ring, used ring.

use super::{
    chain::{Chain, Token},
    descriptor::walk_linked,
    passes_event,
    state::{Format, QueueAreas},
};
use crate::fault::Fault;
use base_units::Gpa;
use core::sync::atomic::{Ordering, fence};
use serde::{Deserialize, Serialize};
use spec::virtio::{AVAILABLE_NO_INTERRUPT, USED_NO_NOTIFY};
use vmm_bus::GuestMemory;

/// Offset of the index in both rings; flags stand before it.
const INDEX: u64 = 2;
/// Offset of the first element in both rings.
const ELEMENTS: u64 = 4;
/// Bytes of an element of the available ring.
const AVAILABLE_BYTES: u64 = 2;
/// Bytes of an element of the used ring.
const USED_BYTES: u64 = 8;

/// How far the device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Split {
    /// The next element of the available ring, modulo 2^16.
    next_available: u16,
    /// The next element of the used ring, modulo 2^16.
    next_used: u16,
    /// `next_used` when the driver was interrupted last.
    signalled: u16,
}

impl Split {
    /// Requests taken and not completed.
    fn in_flight(&self) -> u16 {
        self.next_available.wrapping_sub(self.next_used)
    }

    /// Whether the driver has put something in the ring.
    pub(super) fn has_available(&self, areas: &QueueAreas, memory: &dyn GuestMemory) -> Result<bool, Fault> {
        Ok(self.available(areas, memory)? != 0)
    }

    /// Takes the next request.
    pub(super) fn pop(
        &mut self,
        areas: &QueueAreas,
        format: Format,
        memory: &dyn GuestMemory,
        chain: &mut Chain,
    ) -> Result<bool, Fault> {
        if self.available(areas, memory)? == 0 {
            return Ok(false);
        }
        if self.in_flight() >= areas.size {
            return Err(Fault::TooManyInFlight);
        }
        // The ring's content was written before its index.
        fence(Ordering::Acquire);
        let head =
            memory.read_u16(element(areas.driver, self.next_available, areas.size, AVAILABLE_BYTES)?)?;
        chain.clear();
        chain.set_token(Token { id: head, slots: 1 });
        let table = (areas.descriptors, areas.size);
        if let Some(indirect) = walk_linked(memory, table, head, chain)? {
            if !format.indirect {
                return Err(Fault::BadIndirect);
            }
            // 2.7.5.3.1: a table does not lead to another one.
            let nested = walk_linked(memory, indirect.table()?, 0, chain)?;
            if nested.is_some() {
                return Err(Fault::BadIndirect);
            }
        }
        self.next_available = self.next_available.wrapping_add(1);
        Ok(true)
    }

    /// Gives a request back with `written` bytes written.
    pub(super) fn complete(
        &mut self,
        areas: &QueueAreas,
        memory: &dyn GuestMemory,
        token: Token,
        written: u32,
    ) -> Result<(), Fault> {
        let place = element(areas.device, self.next_used, areas.size, USED_BYTES)?;
        memory.write_u64(place, u64::from(written) << 32 | u64::from(token.id))?;
        self.next_used = self.next_used.wrapping_add(1);
        // 2.7.13: the element is there before the index says so.
        fence(Ordering::Release);
        memory.write_u16(after(areas.device, INDEX)?, self.next_used)?;
        Ok(())
    }

    /// Whether the driver wants to be interrupted for what was completed (2.7.7).
    pub(super) fn needs_interrupt(
        &mut self,
        areas: &QueueAreas,
        format: Format,
        memory: &dyn GuestMemory,
    ) -> Result<bool, Fault> {
        // The driver writes its wish, then looks at the index; we do the opposite. Both need order.
        fence(Ordering::SeqCst);
        let old = core::mem::replace(&mut self.signalled, self.next_used);
        if format.event_index {
            let event = memory.read_u16(behind(areas.driver, areas.size, AVAILABLE_BYTES)?)?;
            return Ok(passes_event(event, self.next_used, old));
        }
        let flags = memory.read_u16(areas.driver)?;
        Ok(old != self.next_used && flags & AVAILABLE_NO_INTERRUPT == 0)
    }

    /// Tells the driver whether to notify the device of new requests (2.7.10).
    pub(super) fn set_notifications(
        &mut self,
        areas: &QueueAreas,
        format: Format,
        memory: &dyn GuestMemory,
        wanted: bool,
    ) -> Result<(), Fault> {
        if format.event_index {
            // Not wanted: an event that lies in the past stays there.
            if wanted {
                memory.write_u16(behind(areas.device, areas.size, USED_BYTES)?, self.next_available)?;
            }
        } else {
            memory.write_u16(areas.device, if wanted { 0 } else { USED_NO_NOTIFY })?;
        }
        Ok(())
    }

    /// How many elements of the available ring are new.
    fn available(&self, areas: &QueueAreas, memory: &dyn GuestMemory) -> Result<u16, Fault> {
        let index = memory.read_u16(after(areas.driver, INDEX)?)?;
        let count = index.wrapping_sub(self.next_available);
        if count > areas.size { Err(Fault::BadIndex) } else { Ok(count) }
    }
}

/// Bytes of the three areas for `size` elements.
pub(super) fn area_bytes(size: u16) -> [u64; 3] {
    let size = u64::from(size);
    // The event index of 2.7.10 stands behind the elements of each ring.
    [size * 16, ELEMENTS + size * AVAILABLE_BYTES + 2, ELEMENTS + size * USED_BYTES + 2]
}

fn after(area: Gpa, offset: u64) -> Result<Gpa, Fault> {
    area.checked_add(offset).ok_or(Fault::BadAddress)
}

/// The element that `index` means: `size` is a power of two.
fn element(ring: Gpa, index: u16, size: u16, bytes: u64) -> Result<Gpa, Fault> {
    let place = u64::from(index & size.wrapping_sub(1));
    after(ring, ELEMENTS + place * bytes)
}

/// What stands behind the elements.
fn behind(ring: Gpa, size: u16, bytes: u64) -> Result<Gpa, Fault> {
    after(ring, ELEMENTS + u64::from(size) * bytes)
}
