//! A queue of packets that threads wait on.

use crate::lock::Lock;
use crate::machine::Machine;
use crate::thread::ThreadShared;
use crate::vcpu::Wake;
use abi::{Error, Packet, Signals};
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Bindings of one port at the most: bounds its queue, for each is queued at most once.
pub const PORT_BINDINGS_MAX: u32 = 1024;

/// A queue of packets.
pub struct Port<M: Machine> {
    state: Lock<State<M>>,
    bindings: AtomicU32,
}

struct State<M: Machine> {
    ready: VecDeque<Arc<Binding<M>>>,
    waiting: VecDeque<Arc<ThreadShared<M>>>,
}

/// The wish of a port to hear of an object.
pub struct Binding<M: Machine> {
    port: Weak<Port<M>>,
    key: u64,
    wanted: Signals,
    pending: Lock<Pending>,
}

struct Pending {
    signals: Signals,
    count: u32,
    is_queued: bool,
    is_cancelled: bool,
}

impl<M: Machine> Port<M> {
    /// An empty port.
    pub fn new() -> Arc<Self> {
        let state = State { ready: VecDeque::new(), waiting: VecDeque::new() };
        Arc::new(Self { state: Lock::new(state), bindings: AtomicU32::new(0) })
    }

    /// Makes a binding of this port, to be given to an object's observers.
    ///
    /// # Errors
    /// `LimitReached` with [`PORT_BINDINGS_MAX`] bindings.
    pub fn bind(self: &Arc<Self>, key: u64, wanted: Signals) -> Result<Arc<Binding<M>>, Error> {
        if self.bindings.fetch_add(1, Relaxed) >= PORT_BINDINGS_MAX {
            self.bindings.fetch_sub(1, Relaxed);
            return Err(Error::LimitReached);
        }
        let pending = Pending { signals: Signals::empty(), count: 0, is_queued: false, is_cancelled: false };
        Ok(Arc::new(Binding { port: Arc::downgrade(self), key, wanted, pending: Lock::new(pending) }))
    }

    /// Takes up to `packets.len()` packets; returns how many.
    pub fn take(&self, packets: &mut [Packet]) -> usize {
        let mut taken = 0;
        while let Some(place) = packets.get_mut(taken) {
            let Some(binding) = self.state.lock().ready.pop_front() else { break };
            if let Some(packet) = binding.take() {
                *place = packet;
                taken += 1;
            }
        }
        taken
    }

    /// Says that `thread` is about to sleep on this port. Returns whether it must: `false` if a packet
    /// came in the meantime.
    pub fn wait(&self, thread: &Arc<ThreadShared<M>>) -> bool {
        let mut state = self.state.lock();
        if !state.ready.is_empty() {
            return false;
        }
        if !state.waiting.iter().any(|other| Arc::ptr_eq(other, thread)) {
            state.waiting.push_back(thread.clone());
        }
        true
    }

    /// Says that `thread` no longer waits.
    pub fn stop_waiting(&self, thread: &Arc<ThreadShared<M>>) {
        self.state.lock().waiting.retain(|other| !Arc::ptr_eq(other, thread));
    }

    fn push(&self, binding: Arc<Binding<M>>) {
        let waiter = {
            let mut state = self.state.lock();
            state.ready.push_back(binding);
            // A thread that was killed in its sleep must not swallow the wake-up.
            core::iter::from_fn(|| state.waiting.pop_front()).find(|thread| !thread.has_ended())
        };
        if let Some(thread) = waiter {
            thread.wake();
        }
    }
}

impl<M: Machine> Binding<M> {
    /// Merges `signals` into the packet and queues it if the port asked for any of them.
    pub fn signal(this: &Arc<Self>, signals: Signals) {
        let wanted = signals & this.wanted;
        if wanted.is_empty() {
            return;
        }
        {
            let mut pending = this.pending.lock();
            pending.signals |= wanted;
            pending.count = pending.count.saturating_add(1);
            if pending.is_queued || pending.is_cancelled {
                return;
            }
            pending.is_queued = true;
        }
        if let Some(port) = this.port.upgrade() {
            port.push(this.clone());
        }
    }

    /// Whether its port still exists.
    pub fn is_alive(&self) -> bool {
        self.port.strong_count() > 0
    }

    /// Whether both belong to one port.
    pub fn is_same_port(&self, other: &Self) -> bool {
        self.port.ptr_eq(&other.port)
    }

    /// Lets it deliver nothing any more, also not what is queued.
    pub fn cancel(&self) {
        self.pending.lock().is_cancelled = true;
    }

    fn take(&self) -> Option<Packet> {
        let mut pending = self.pending.lock();
        pending.is_queued = false;
        if pending.is_cancelled {
            return None;
        }
        let packet = Packet { key: self.key, signals: pending.signals.bits(), count: pending.count };
        pending.signals = Signals::empty();
        pending.count = 0;
        Some(packet)
    }
}

impl<M: Machine> Drop for Binding<M> {
    fn drop(&mut self) {
        if let Some(port) = self.port.upgrade() {
            port.bindings.fetch_sub(1, Relaxed);
        }
    }
}
