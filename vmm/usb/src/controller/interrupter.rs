//! Interrupters: an event ring each, and when they interrupt (4.9.4, 4.17).

use super::trb::Event;
use alloc::collections::VecDeque;
use base_units::{Gpa, Nanos};
use serde::{Deserialize, Serialize};
use spec::xhci::{ERDP_BUSY, IMAN_ENABLE, IMAN_PENDING, IMOD_DEFAULT, IMOD_UNIT_NS, TRB_BYTES};
use vmm_bus::{GuestMemory, MemoryError};

/// Segments of an event ring at the most; the capabilities say its logarithm.
pub(super) const SEGMENTS_MAX: u32 = 1 << SEGMENTS_MAX_LOG2;
/// The logarithm.
pub(super) const SEGMENTS_MAX_LOG2: u32 = 4;
/// TRBs of a segment (6.5).
const SEGMENT_TRBS_MIN: u32 = 16;
const SEGMENT_TRBS_MAX: u32 = 4096;
/// Bytes of an entry of the segment table.
const SEGMENT_ENTRY_BYTES: u64 = 16;
/// Events that wait for room on the ring at the most. Nothing new is done while one waits, and the last thing that was
/// done has left one for each TRB of a descriptor and one for each port at the most.
pub(super) const WAITING_MAX: usize = 128;

/// Why an event cannot be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EventError {
    /// Memory that is not there.
    Memory,
    /// A segment of a size that none has.
    Segment,
}

impl From<MemoryError> for EventError {
    fn from(_: MemoryError) -> Self {
        Self::Memory
    }
}

/// Where the next event goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Producer {
    segment: u32,
    index: u32,
    cycle: bool,
}

impl Default for Producer {
    fn default() -> Self {
        Self { segment: 0, index: 0, cycle: true }
    }
}

/// One interrupter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Interrupter {
    pub(super) management: u32,
    pub(super) moderation: u32,
    pub(super) segments: u32,
    pub(super) table: u64,
    /// The consumer's place, with its flags.
    pub(super) consumer: u64,
    producer: Producer,
    waiting: VecDeque<Event>,
    /// The last event on the ring says that it is full.
    says_full: bool,
    /// An event wants an interrupt (IPE).
    pub(super) wants_interrupt: bool,
    /// Before this time there is no further interrupt.
    not_before_ns: u64,
}

impl Default for Interrupter {
    fn default() -> Self {
        Self {
            management: 0,
            moderation: IMOD_DEFAULT,
            segments: 0,
            table: 0,
            consumer: 0,
            producer: Producer::default(),
            waiting: VecDeque::new(),
            says_full: false,
            wants_interrupt: false,
            not_before_ns: 0,
        }
    }
}

impl Interrupter {
    /// Whether events wait for room: then nothing that makes more may be done.
    pub(super) fn is_blocked(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The table is another one: the ring begins anew.
    pub(super) fn restart(&mut self) {
        self.producer = Producer::default();
        self.waiting.clear();
        self.says_full = false;
    }

    /// Software has handled events up to this place. `true` if its handler is done.
    pub(super) fn set_consumer(&mut self, value: u64) -> bool {
        let is_done = value & ERDP_BUSY != 0;
        let still_busy = if is_done { 0 } else { self.consumer & ERDP_BUSY };
        self.consumer = value & !ERDP_BUSY | still_busy;
        is_done
    }

    /// The handler is done: interrupts again if more came meanwhile.
    pub(super) fn finish(&mut self, memory: &dyn GuestMemory) -> Result<(), EventError> {
        if self.segments != 0 && self.place(self.producer, memory)? != self.consumer & !0xF {
            self.wants_interrupt = true;
        }
        Ok(())
    }

    /// Tells an event, or keeps it until there is room.
    pub(super) fn tell(&mut self, event: Event, memory: &dyn GuestMemory) -> Result<(), EventError> {
        // Without a ring nobody listens.
        if self.segments == 0 {
            return Ok(());
        }
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(event);
        }
        self.flush(memory)
    }

    /// Writes what waits as far as there is room.
    pub(super) fn flush(&mut self, memory: &dyn GuestMemory) -> Result<(), EventError> {
        while let Some(event) = self.waiting.front().copied() {
            let next = self.after(self.producer, memory)?;
            let consumer = self.consumer & !0xF;
            if self.place(next, memory)? == consumer {
                return Ok(());
            }
            // The last place says that there is no other (4.9.4).
            if self.place(self.after(next, memory)?, memory)? == consumer {
                if !self.says_full {
                    self.says_full = true;
                    self.write(Event::ring_full(), next, memory)?;
                }
                return Ok(());
            }
            self.waiting.pop_front();
            self.says_full = false;
            self.write(event, next, memory)?;
        }
        Ok(())
    }

    /// Whether an interrupt begins now: then the handler is busy until it says otherwise.
    pub(super) fn begin(&mut self, now: Nanos) -> bool {
        if !self.wants_interrupt || self.is_busy() || now.raw() < self.not_before_ns {
            return false;
        }
        self.wants_interrupt = false;
        self.consumer |= ERDP_BUSY;
        self.management |= IMAN_PENDING;
        let interval = u64::from(self.moderation & 0xFFFF).saturating_mul(IMOD_UNIT_NS);
        self.not_before_ns = now.raw().saturating_add(interval);
        true
    }

    /// When an interrupt that is held back begins.
    pub(super) fn deadline(&self) -> Nanos {
        if self.wants_interrupt && !self.is_busy() { Nanos::new(self.not_before_ns) } else { Nanos::MAX }
    }

    /// Whether it asks for attention.
    pub(super) fn is_pending(&self) -> bool {
        self.management & (IMAN_PENDING | IMAN_ENABLE) == IMAN_PENDING | IMAN_ENABLE
    }

    /// Whether an interrupter can be like this.
    pub(super) fn is_possible(&self) -> bool {
        let Producer { segment, index, .. } = self.producer;
        self.waiting.len() <= WAITING_MAX
            && self.segments <= SEGMENTS_MAX
            && segment < SEGMENTS_MAX
            && index < SEGMENT_TRBS_MAX
    }

    fn is_busy(&self) -> bool {
        self.consumer & ERDP_BUSY != 0
    }

    fn write(&mut self, event: Event, next: Producer, memory: &dyn GuestMemory) -> Result<(), EventError> {
        let at = Gpa::new(self.place(self.producer, memory)?);
        let (first, last) = event.encode(self.producer.cycle);
        memory.write(at, &first)?;
        core::sync::atomic::fence(core::sync::atomic::Ordering::Release);
        memory.write_u32(at.checked_add(12).ok_or(EventError::Memory)?, last)?;
        self.producer = next;
        self.wants_interrupt |= !event.blocks_interrupt;
        Ok(())
    }

    /// Where an event of this place lies.
    fn place(&self, producer: Producer, memory: &dyn GuestMemory) -> Result<u64, EventError> {
        let (base, _) = self.segment(producer.segment, memory)?;
        let offset = u64::from(producer.index).saturating_mul(TRB_BYTES as u64);
        base.checked_add(offset).ok_or(EventError::Memory)
    }

    /// The place after another.
    fn after(&self, producer: Producer, memory: &dyn GuestMemory) -> Result<Producer, EventError> {
        let (_, trbs) = self.segment(producer.segment, memory)?;
        let Producer { segment, index, cycle } = producer;
        let index = index.saturating_add(1);
        if index < trbs {
            return Ok(Producer { index, ..producer });
        }
        match segment.saturating_add(1) {
            next if next < self.segments => Ok(Producer { segment: next, index: 0, cycle }),
            _ => Ok(Producer { segment: 0, index: 0, cycle: !cycle }),
        }
    }

    /// Beginning and TRBs of a segment.
    fn segment(&self, index: u32, memory: &dyn GuestMemory) -> Result<(u64, u32), EventError> {
        let offset = u64::from(index).saturating_mul(SEGMENT_ENTRY_BYTES);
        let at = self.table.checked_add(offset).ok_or(EventError::Memory)?;
        let mut raw = [0; SEGMENT_ENTRY_BYTES as usize];
        memory.read(Gpa::new(at), &mut raw)?;
        let entry = u128::from_le_bytes(raw);
        let trbs = (entry >> 64) as u32 & 0xFFFF;
        if !(SEGMENT_TRBS_MIN..=SEGMENT_TRBS_MAX).contains(&trbs) {
            return Err(EventError::Segment);
        }
        Ok((entry as u64 & !0x3F, trbs))
    }
}
