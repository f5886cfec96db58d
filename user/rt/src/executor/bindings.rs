//! Which task waits for which key of the port.

use abi::Signals;
use alloc::vec::Vec;
use core::task::Waker;

/// The bindings of one executor. A key is an index and a generation, so that a packet that was under way
/// when its binding was removed reaches nobody.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// What came since somebody last asked.
    signals: Signals,
    waker: Option<Waker>,
}

impl Bindings {
    /// Makes a binding and returns its key.
    pub(super) fn add(&mut self) -> u64 {
        let index = self.free.pop().unwrap_or(self.slots.len() as u32);
        if self.slots.get(index as usize).is_none() {
            self.slots.push(Slot { generation: 0, signals: Signals::empty(), waker: None });
        }
        let generation = self.slots.get(index as usize).map_or(0, |slot| slot.generation);
        u64::from(generation) << 32 | u64::from(index)
    }

    /// Removes a binding; its key means nothing afterwards.
    pub(super) fn remove(&mut self, key: u64) {
        let Some(slot) = self.slot(key) else { return };
        // The generation never becomes that of the executor's own bell (all ones).
        slot.generation = slot.generation.wrapping_add(1) & (u32::MAX >> 1);
        slot.signals = Signals::empty();
        slot.waker = None;
        self.free.push(key as u32);
    }

    /// Notes signals and wakes the task that waits for them.
    pub(super) fn deliver(&mut self, key: u64, signals: Signals) {
        let Some(slot) = self.slot(key) else { return };
        slot.signals |= signals;
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    }

    /// Takes the signals that came; if there are none, `waker` is used when some do.
    pub(super) fn take(&mut self, key: u64, waker: &Waker) -> Signals {
        let Some(slot) = self.slot(key) else { return Signals::empty() };
        let signals = core::mem::take(&mut slot.signals);
        if signals.is_empty() {
            slot.waker = Some(waker.clone());
        }
        signals
    }

    fn slot(&mut self, key: u64) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(key as u32 as usize)?;
        (u64::from(slot.generation) == key >> 32).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_folded_until_they_are_taken() {
        let mut bindings = Bindings::default();
        let key = bindings.add();

        bindings.deliver(key, Signals::READABLE);
        bindings.deliver(key, Signals::PEER_CLOSED);

        assert_eq!(bindings.take(key, Waker::noop()), Signals::READABLE | Signals::PEER_CLOSED);
        assert_eq!(bindings.take(key, Waker::noop()), Signals::empty());
    }

    #[test]
    fn a_late_packet_of_a_removed_binding_reaches_nobody() {
        let mut bindings = Bindings::default();
        let old = bindings.add();
        bindings.remove(old);
        let new = bindings.add();

        bindings.deliver(old, Signals::READABLE);
        bindings.deliver(u64::MAX, Signals::READABLE);

        assert_ne!(old, new);
        assert_eq!(bindings.take(new, Waker::noop()), Signals::empty());
        assert_eq!(bindings.slots.len(), 1, "the slot is used again");
    }
}
