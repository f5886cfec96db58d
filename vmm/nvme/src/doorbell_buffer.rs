//! Doorbells in guest memory (5.7, B.5): the host writes them there and rings the register only when the controller
//! asks for it, which then means no more than "look".

use crate::queues::{Completion, Submission};
use base_units::Gpa;
use core::sync::atomic::{Ordering, fence};
use serde::{Deserialize, Serialize};
use spec::nvme::DOORBELL_STRIDE;
use vmm_bus::{GuestMemory, MemoryError};

/// Where doorbells and the values that the controller wants to be told about lie: a page each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct DoorbellBuffer {
    pub(crate) doorbells: u64,
    pub(crate) events: u64,
}

/// Offset of a completion queue's doorbell behind its submission queue's.
const COMPLETION: u64 = 4;

impl DoorbellBuffer {
    /// Reads the tail that the host wrote for a submission queue. If nothing is new, asks to be told of what comes next.
    pub(crate) fn update_tail(
        self,
        memory: &dyn GuestMemory,
        index: u16,
        queue: &mut Submission,
    ) -> Result<(), MemoryError> {
        let place = u64::from(index).saturating_mul(DOORBELL_STRIDE);
        take(&mut queue.tail, queue.entries, memory.read_u32(at(self.doorbells, place)?)?);
        if queue.is_empty() {
            memory.write_u32(at(self.events, place)?, u32::from(queue.tail))?;
            // The host writes its doorbell and then looks at ours: one of us sees the other's.
            fence(Ordering::SeqCst);
            take(&mut queue.tail, queue.entries, memory.read_u32(at(self.doorbells, place)?)?);
        }
        Ok(())
    }

    /// Asks to be told of the next completion that the host takes: while the pin is asserted it must be lowered then.
    pub(crate) fn watch_head(
        self,
        memory: &dyn GuestMemory,
        index: u16,
        queue: &Completion,
    ) -> Result<(), MemoryError> {
        let place = u64::from(index).saturating_mul(DOORBELL_STRIDE).saturating_add(COMPLETION);
        memory.write_u32(at(self.events, place)?, u32::from(queue.head))
    }

    /// Reads the head that the host wrote for a completion queue. If that is still full, asks to be told.
    pub(crate) fn update_head(
        self,
        memory: &dyn GuestMemory,
        index: u16,
        queue: &mut Completion,
    ) -> Result<(), MemoryError> {
        let place = u64::from(index).saturating_mul(DOORBELL_STRIDE).saturating_add(COMPLETION);
        take(&mut queue.head, queue.entries, memory.read_u32(at(self.doorbells, place)?)?);
        if queue.is_full() {
            memory.write_u32(at(self.events, place)?, u32::from(queue.head))?;
            fence(Ordering::SeqCst);
            take(&mut queue.head, queue.entries, memory.read_u32(at(self.doorbells, place)?)?);
        }
        Ok(())
    }
}

fn at(page: u64, place: u64) -> Result<Gpa, MemoryError> {
    Gpa::new(page).checked_add(place).ok_or(MemoryError::OutOfRange)
}

/// Takes over an index if the queue has it; the host's nonsense is ignored.
fn take(index: &mut u16, entries: u16, value: u32) {
    if let Some(value) = u16::try_from(value).ok().filter(|value| *value < entries) {
        *index = value;
    }
}
