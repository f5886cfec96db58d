//! The driver's half of a split ring (2.7).

use super::queue_driver::{Descriptor, Wish, read_u16, write_u16};
use crate::queue::{QueueAreas, passes_event};
use alloc::{vec, vec::Vec};
use base_units::Gpa;
use spec::virtio::{AVAILABLE_NO_INTERRUPT, USED_NO_NOTIFY};
use vmm_bus::{FlatMemory, GuestMemory};

pub(super) struct SplitDriver {
    event_index: bool,
    free: Vec<u16>,
    /// The descriptors of each request, by its head.
    requests: Vec<Vec<u16>>,
    next_available: u16,
    last_used: u16,
    notified: u16,
}

impl SplitDriver {
    pub(super) fn new(size: u16, event_index: bool) -> Self {
        Self {
            event_index,
            free: (0..size).rev().collect(),
            requests: vec![Vec::new(); usize::from(size)],
            next_available: 0,
            last_used: 0,
            notified: 0,
        }
    }

    pub(super) fn free(&self) -> u16 {
        self.free.len() as u16
    }

    pub(super) fn next_id(&self) -> u16 {
        self.free.last().copied().unwrap_or(0)
    }

    /// There is room: the caller looked.
    pub(super) fn add(&mut self, memory: &FlatMemory, areas: &QueueAreas, descriptors: &[Descriptor]) -> u16 {
        let taken: Vec<u16> = descriptors.iter().filter_map(|_| self.free.pop()).collect();
        let head = taken.first().copied().unwrap_or(0);
        for (index, descriptor) in descriptors.iter().enumerate() {
            let next = taken.get(index + 1).copied().unwrap_or(0);
            let place = taken.get(index).copied().unwrap_or(0);
            let at = Gpa::new(areas.descriptors.raw() + u64::from(place) * 16);
            let _ = memory.write(at, &descriptor.split(next));
        }
        if let Some(request) = self.requests.get_mut(usize::from(head)) {
            *request = taken;
        }
        let element = u64::from(self.next_available % areas.size);
        write_u16(memory, areas.driver, 4 + element * 2, head);
        self.next_available = self.next_available.wrapping_add(1);
        write_u16(memory, areas.driver, 2, self.next_available);
        head
    }

    pub(super) fn take_used(&mut self, memory: &FlatMemory, areas: &QueueAreas) -> Option<(u16, u32)> {
        if read_u16(memory, areas.device, 2) == self.last_used {
            return None;
        }
        let element = Gpa::new(areas.device.raw() + 4 + u64::from(self.last_used % areas.size) * 8);
        let id = memory.read_u32(element).ok()? as u16;
        let written = memory.read_u32(Gpa::new(element.raw() + 4)).ok()?;
        self.last_used = self.last_used.wrapping_add(1);
        let request = self.requests.get_mut(usize::from(id)).map(core::mem::take).unwrap_or_default();
        assert!(!request.is_empty(), "the device completed a request that was not out");
        self.free.extend(request);
        Some((id, written))
    }

    pub(super) fn wish(&mut self, memory: &FlatMemory, areas: &QueueAreas, wish: Wish) {
        let event = match wish {
            Wish::Next => self.last_used,
            Wish::Never => self.last_used.wrapping_sub(1),
        };
        if self.event_index {
            write_u16(memory, areas.driver, 4 + u64::from(areas.size) * 2, event);
        } else {
            let flags = if wish == Wish::Never { AVAILABLE_NO_INTERRUPT } else { 0 };
            write_u16(memory, areas.driver, 0, flags);
        }
    }

    pub(super) fn must_notify(&mut self, memory: &FlatMemory, areas: &QueueAreas) -> bool {
        let old = core::mem::replace(&mut self.notified, self.next_available);
        if self.event_index {
            let event = read_u16(memory, areas.device, 4 + u64::from(areas.size) * 8);
            return passes_event(event, self.next_available, old);
        }
        old != self.next_available && read_u16(memory, areas.device, 0) & USED_NO_NOTIFY == 0
    }
}
