//! One queue of a device: what the driver configured, and the ring.

use super::{
    chain::{Chain, Token},
    packed::{self, Packed},
    split::{self, Split},
};
use crate::fault::Fault;
use base_units::Gpa;
use core::sync::atomic::{Ordering, fence};
use serde::{Deserialize, Serialize};
use spec::virtio::{FEATURE_EVENT_INDEX, FEATURE_INDIRECT, FEATURE_PACKED, QUEUE_SIZE_MAX};
use vmm_bus::{GuestMemory, GuestRange};
use vmm_snapshot::RestoreError;

/// Where a queue lies in guest memory (2.6): three areas that each format names its own way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueAreas {
    /// Descriptor table or ring.
    pub descriptors: Gpa,
    /// Available ring, or the driver's event suppression.
    pub driver: Gpa,
    /// Used ring, or the device's event suppression.
    pub device: Gpa,
    /// Number of descriptors.
    pub size: u16,
}

/// What was negotiated about rings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Format {
    pub(super) indirect: bool,
    pub(super) event_index: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Ring {
    Split(Split),
    Packed(Packed),
}

/// A queue. While it is off nothing can be taken from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Queue {
    size_max: u16,
    areas: QueueAreas,
    format: Format,
    /// The ring while the queue is on.
    ring: Option<Ring>,
    /// Requests completed since the last look at the driver's wish for interrupts.
    completed: bool,
    /// Requests taken since power-on, for `inspect`.
    taken: u64,
}

/// The part of a queue that is saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QueueState {
    descriptors: u64,
    driver: u64,
    device: u64,
    size: u16,
    format: Format,
    ring: Option<Ring>,
    completed: bool,
    taken: u64,
}

const RESET_FORMAT: Format = Format { indirect: false, event_index: false };

impl Queue {
    /// A queue that is off, with at most `size_max` descriptors (a power of two).
    pub fn new(size_max: u16) -> Self {
        let nowhere = Gpa::new(0);
        let size_max = size_max.min(QUEUE_SIZE_MAX);
        Self {
            size_max,
            areas: QueueAreas { descriptors: nowhere, driver: nowhere, device: nowhere, size: size_max },
            format: RESET_FORMAT,
            ring: None,
            completed: false,
            taken: 0,
        }
    }

    /// Where it lies.
    pub fn areas(&self) -> &QueueAreas {
        &self.areas
    }

    /// Lets the driver say where it lies; `None` while it is on, when nothing may change.
    pub(crate) fn areas_mut(&mut self) -> Option<&mut QueueAreas> {
        if self.is_on() { None } else { Some(&mut self.areas) }
    }

    /// Sets the size that the driver chose. One that the device does not have is ignored.
    pub(crate) fn set_size(&mut self, size: u16) {
        let size_max = self.size_max;
        if let Some(areas) = self.areas_mut()
            && size > 0
            && size <= size_max
        {
            areas.size = size;
        }
    }

    /// Whether requests can be taken.
    pub fn is_on(&self) -> bool {
        self.ring.is_some()
    }

    /// Turns the queue on in the format that the features ask for, after checking where it lies.
    pub fn turn_on(&mut self, features: u64, memory: &dyn GuestMemory) -> Result<(), Fault> {
        let is_packed = features & FEATURE_PACKED != 0;
        let size = self.areas.size;
        if size == 0 || size > self.size_max || (!is_packed && !size.is_power_of_two()) {
            return Err(Fault::BadQueueSize);
        }
        let (bytes, alignments) = if is_packed {
            (packed::area_bytes(size), [16, 4, 4])
        } else {
            (split::area_bytes(size), [16, 2, 4])
        };
        let starts = [self.areas.descriptors, self.areas.driver, self.areas.device];
        for ((start, bytes), alignment) in starts.into_iter().zip(bytes).zip(alignments) {
            if !start.is_aligned(alignment) {
                return Err(Fault::Misaligned);
            }
            memory.check(GuestRange { start, bytes })?;
        }
        self.format = Format {
            indirect: features & FEATURE_INDIRECT != 0,
            event_index: features & FEATURE_EVENT_INDEX != 0,
        };
        self.ring =
            Some(if is_packed { Ring::Packed(Packed::default()) } else { Ring::Split(Split::default()) });
        self.completed = false;
        Ok(())
    }

    /// Turns the queue off and forgets where it lies.
    pub fn reset(&mut self) {
        *self = Self { taken: self.taken, ..Self::new(self.size_max) };
    }

    /// Takes the next request into `chain`. `false` if there is none or the queue is off.
    pub fn pop(&mut self, memory: &dyn GuestMemory, chain: &mut Chain) -> Result<bool, Fault> {
        let (areas, format) = (&self.areas, self.format);
        let found = match &mut self.ring {
            None => false,
            Some(Ring::Split(split)) => split.pop(areas, format, memory, chain)?,
            Some(Ring::Packed(packed)) => packed.pop(areas, format, memory, chain)?,
        };
        self.taken = self.taken.wrapping_add(u64::from(found));
        Ok(found)
    }

    /// Gives a request back to the driver; the device wrote the first `written` bytes of its writable part.
    pub fn complete(&mut self, memory: &dyn GuestMemory, token: Token, written: u32) -> Result<(), Fault> {
        let areas = &self.areas;
        match &mut self.ring {
            None => return Ok(()),
            Some(Ring::Split(split)) => split.complete(areas, memory, token, written)?,
            Some(Ring::Packed(packed)) => packed.complete(areas, memory, token, written)?,
        }
        self.completed = true;
        Ok(())
    }

    /// Whether to interrupt the driver for what was completed since the last call.
    pub fn needs_interrupt(&mut self, memory: &dyn GuestMemory) -> Result<bool, Fault> {
        if !core::mem::take(&mut self.completed) {
            return Ok(false);
        }
        let (areas, format) = (&self.areas, self.format);
        match &mut self.ring {
            None => Ok(false),
            Some(Ring::Split(split)) => split.needs_interrupt(areas, format, memory),
            Some(Ring::Packed(packed)) => packed.needs_interrupt(areas, memory),
        }
    }

    /// Says that the device looks at the queue anyway: the driver need not notify it.
    pub fn silence(&mut self, memory: &dyn GuestMemory) -> Result<(), Fault> {
        self.set_notifications(memory, false)
    }

    /// Asks for a notification of the next request. `true` if there is one already: look again.
    pub fn listen(&mut self, memory: &dyn GuestMemory) -> Result<bool, Fault> {
        self.set_notifications(memory, true)?;
        // 2.7.10: the driver adds, then looks at our wish; we wish, then look for additions.
        fence(Ordering::SeqCst);
        match &self.ring {
            None => Ok(false),
            Some(Ring::Split(split)) => split.has_available(&self.areas, memory),
            Some(Ring::Packed(packed)) => packed.has_available(&self.areas, memory),
        }
    }

    /// Requests taken so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// What is saved.
    pub fn save(&self) -> QueueState {
        QueueState {
            descriptors: self.areas.descriptors.raw(),
            driver: self.areas.driver.raw(),
            device: self.areas.device.raw(),
            size: self.areas.size,
            format: self.format,
            ring: self.ring,
            completed: self.completed,
            taken: self.taken,
        }
    }

    /// Takes over a saved queue. Where it lies was checked when it was turned on, and is checked again
    /// at every access.
    pub fn restore(&mut self, state: &QueueState) -> Result<(), RestoreError> {
        let impossible = Err(RestoreError::Impossible("a virtio queue has an impossible size or position"));
        if state.size == 0 || state.size > self.size_max {
            return impossible;
        }
        match &state.ring {
            Some(Ring::Split(_)) if !state.size.is_power_of_two() => return impossible,
            Some(Ring::Packed(packed)) if !packed.fits(state.size) => return impossible,
            _ => {}
        }
        self.areas = QueueAreas {
            descriptors: Gpa::new(state.descriptors),
            driver: Gpa::new(state.driver),
            device: Gpa::new(state.device),
            size: state.size,
        };
        self.format = state.format;
        self.ring = state.ring;
        self.completed = state.completed;
        self.taken = state.taken;
        Ok(())
    }

    fn set_notifications(&mut self, memory: &dyn GuestMemory, wanted: bool) -> Result<(), Fault> {
        let (areas, format) = (&self.areas, self.format);
        match &mut self.ring {
            None => Ok(()),
            Some(Ring::Split(split)) => split.set_notifications(areas, format, memory, wanted),
            Some(Ring::Packed(packed)) => packed.set_notifications(areas, format, memory, wanted),
        }
    }
}
