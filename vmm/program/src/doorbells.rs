//! Doorbells: queue notifications that ring an event in ring 0 instead of leaving the guest.

use crate::{device_loop::KEY_DOORBELL, vm::Vm};
use alloc::vec::Vec;
use user_rt::{DoorbellKind, Event, Signals};
use vmm_bus::{Bus, Doorbell};

/// Doorbells of one machine at the most: more queues are notified by leaving the guest.
const DOORBELLS_MAX: usize = 128;

/// One doorbell with its event.
struct Bell {
    device: u16,
    doorbell: Doorbell,
    event: Event,
    is_set: bool,
}

/// The doorbells that the kernel knows.
#[derive(Default)]
pub(crate) struct Doorbells {
    bells: Vec<Bell>,
}

impl Doorbells {
    /// Tells the kernel which doorbells there are now: the guest has moved a window. A doorbell that cannot
    /// be made is no harm: the write then leaves the guest.
    pub(crate) fn update(&mut self, vm: &Vm, bus: &Bus) {
        self.remove_all(vm);
        bus.doorbells(|device, doorbell| {
            if let Some(index) = self.find_or_add(vm, device, doorbell) {
                self.set(vm, index, doorbell);
            }
        });
    }

    /// The device and queue behind a key of the port.
    pub(crate) fn queue(&self, key: u64) -> Option<(u16, u16)> {
        let index = usize::try_from(key.checked_sub(KEY_DOORBELL)?).ok()?;
        self.bells.get(index).map(|bell| (bell.device, bell.doorbell.queue))
    }

    /// Device and queue of every doorbell that is set.
    pub(crate) fn queues(&self) -> Vec<(u16, u16)> {
        self.bells.iter().filter(|bell| bell.is_set).map(|bell| (bell.device, bell.doorbell.queue)).collect()
    }

    fn remove_all(&mut self, vm: &Vm) {
        for bell in self.bells.iter_mut().filter(|bell| bell.is_set) {
            let Doorbell { address, bytes, .. } = bell.doorbell;
            // It was set; the kernel has it.
            let _ = vm.guest.clear_doorbell(DoorbellKind::Memory, address.raw(), bytes);
            bell.is_set = false;
        }
    }

    /// The event of a queue stays the same wherever its doorbell moves.
    fn find_or_add(&mut self, vm: &Vm, device: u16, doorbell: Doorbell) -> Option<usize> {
        let is_same = |bell: &Bell| bell.device == device && bell.doorbell.queue == doorbell.queue;
        if let Some(index) = self.bells.iter().position(is_same) {
            return Some(index);
        }
        let index = self.bells.len();
        if index >= DOORBELLS_MAX {
            return None;
        }
        let event = Event::create().ok()?;
        vm.port.bind(&event, Signals::SIGNALLED, KEY_DOORBELL + index as u64).ok()?;
        self.bells.push(Bell { device, doorbell, event, is_set: false });
        Some(index)
    }

    fn set(&mut self, vm: &Vm, index: usize, doorbell: Doorbell) {
        let Some(bell) = self.bells.get_mut(index) else { return };
        let Doorbell { address, bytes, .. } = doorbell;
        let set = vm.guest.set_doorbell(DoorbellKind::Memory, address.raw(), bytes, &bell.event);
        bell.doorbell = doorbell;
        bell.is_set = set.is_ok();
    }
}
