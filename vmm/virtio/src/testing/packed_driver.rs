//! The driver's half of a packed ring (2.8).

use super::queue_driver::{Descriptor, Wish, read_u16, write_u16};
use crate::queue::{QueueAreas, passes_event};
use alloc::{vec, vec::Vec};
use base_units::Gpa;
use spec::virtio::{DESCRIPTOR_AVAILABLE, DESCRIPTOR_USED, EVENT_DESCRIPTOR, EVENT_DISABLE, EVENT_ENABLE};
use vmm_bus::{FlatMemory, GuestMemory};

pub(super) struct PackedDriver {
    event_index: bool,
    free: u16,
    free_ids: Vec<u16>,
    /// Descriptors of each request, by its id; 0 = not out.
    slots: Vec<u16>,
    available: (u16, bool),
    used: (u16, bool),
    /// Descriptors made available since the last look at the device's wish.
    added: u16,
}

impl PackedDriver {
    pub(super) fn new(size: u16, event_index: bool) -> Self {
        Self {
            event_index,
            free: size,
            free_ids: (0..size).rev().collect(),
            slots: vec![0; usize::from(size)],
            available: (0, true),
            used: (0, true),
            added: 0,
        }
    }

    pub(super) fn free(&self) -> u16 {
        self.free
    }

    pub(super) fn next_id(&self) -> u16 {
        self.free_ids.last().copied().unwrap_or(0)
    }

    /// There is room: the caller looked.
    pub(super) fn add(&mut self, memory: &FlatMemory, areas: &QueueAreas, descriptors: &[Descriptor]) -> u16 {
        let id = self.free_ids.pop().unwrap_or(0);
        let first = self.available;
        let mut first_flags = 0;
        for (index, descriptor) in descriptors.iter().enumerate() {
            let (place, wrap) = self.available;
            let turn = if wrap { DESCRIPTOR_AVAILABLE } else { DESCRIPTOR_USED };
            let flags = descriptor.flags | turn;
            // The first descriptor's flags are written last: they hand over the whole list (2.8.6).
            let (visible, kept) = if index == 0 {
                (flags ^ (DESCRIPTOR_AVAILABLE | DESCRIPTOR_USED), flags)
            } else {
                (flags, first_flags)
            };
            first_flags = kept;
            let at = Gpa::new(areas.descriptors.raw() + u64::from(place) * 16);
            let _ = memory.write(at, &descriptor.packed(id, visible));
            self.available = advance(self.available, 1, areas.size);
        }
        write_u16(memory, areas.descriptors, u64::from(first.0) * 16 + 14, first_flags);
        let count = descriptors.len() as u16;
        if let Some(slots) = self.slots.get_mut(usize::from(id)) {
            *slots = count;
        }
        self.free = self.free.saturating_sub(count);
        self.added = self.added.saturating_add(count);
        id
    }

    pub(super) fn take_used(&mut self, memory: &FlatMemory, areas: &QueueAreas) -> Option<(u16, u32)> {
        let (place, wrap) = self.used;
        let at = u64::from(place) * 16;
        let flags = read_u16(memory, areas.descriptors, at + 14);
        let is_used = (flags & DESCRIPTOR_USED != 0) == wrap && (flags & DESCRIPTOR_AVAILABLE != 0) == wrap;
        if !is_used {
            return None;
        }
        let written = memory.read_u32(Gpa::new(areas.descriptors.raw() + at + 8)).ok()?;
        let id = read_u16(memory, areas.descriptors, at + 12);
        let slots = self.slots.get_mut(usize::from(id)).map(core::mem::take).unwrap_or(0);
        assert!(slots > 0, "the device completed a request that was not out");
        self.used = advance(self.used, slots, areas.size);
        self.free = self.free.saturating_add(slots);
        self.free_ids.push(id);
        Some((id, written))
    }

    pub(super) fn wish(&mut self, memory: &FlatMemory, areas: &QueueAreas, wish: Wish) {
        let flags = match wish {
            Wish::Never => EVENT_DISABLE,
            Wish::Next if self.event_index => EVENT_DESCRIPTOR,
            Wish::Next => EVENT_ENABLE,
        };
        write_u16(memory, areas.driver, 0, self.used.0 | u16::from(self.used.1) << 15);
        write_u16(memory, areas.driver, 2, flags);
    }

    pub(super) fn must_notify(&mut self, memory: &FlatMemory, areas: &QueueAreas) -> bool {
        let added = core::mem::take(&mut self.added);
        match read_u16(memory, areas.device, 2) {
            EVENT_DISABLE => false,
            EVENT_DESCRIPTOR => {
                let event = read_u16(memory, areas.device, 0);
                let (place, wrap) = self.available;
                let same_turn = (event >> 15 != 0) == wrap;
                let event = (event & 0x7FFF).wrapping_sub(if same_turn { 0 } else { areas.size });
                passes_event(event, place, place.wrapping_sub(added))
            }
            _ => added > 0,
        }
    }
}

fn advance((place, wrap): (u16, bool), count: u16, size: u16) -> (u16, bool) {
    let next = place + count;
    if next >= size { (next - size, !wrap) } else { (next, wrap) }
}
