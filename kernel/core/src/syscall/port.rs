//! Calls on ports, events and timers.

use super::thread::{has_passed, sleep};
use super::{Answer, Call, NOTHING, Outcome};
use crate::ipc::{Binding, Event, Port, Timer};
use crate::machine::Machine;
use crate::object::Object;
use crate::vcpu::Ring;
use abi::{Error, Packet, Rights, Signals};
use alloc::sync::Arc;
use zerocopy::IntoBytes;

/// Packets that one call delivers at the most.
const PACKETS_MAX: usize = 32;

/// `() -> port`
pub(super) fn create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    call.add(Object::Port(Port::new()), Rights::all())
}

/// `(port, handle, signals, key)`
pub(super) fn bind<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let port: Arc<Port<M>> = call.object(0, Rights::WRITE)?;
    let raw = u32::try_from(call.argument(2)).map_err(|_| Error::BadArgument)?;
    let wanted = Signals::from_bits(raw).ok_or(Error::BadArgument)?;
    let object = {
        let table = call.thread.process().handles().lock();
        let entry = table.get(call.handle(1))?;
        if !entry.rights.contains(Rights::WAIT) {
            return Err(Error::AccessDenied);
        }
        entry.object.clone()
    };
    let observers = object.observers().ok_or(Error::WrongKind)?;
    let binding = port.bind(call.argument(3), wanted)?;
    if wanted.is_empty() {
        observers.remove(&binding);
        return NOTHING;
    }
    observers.add(binding.clone())?;
    // What happened before the binding was made is delivered now; what happens in between twice,
    // which the packet folds into one.
    Binding::signal(&binding, object.signals());
    NOTHING
}

/// `(port, packets ptr, packet capacity, deadline) -> packets`
pub(super) fn wait<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let port: Arc<Port<M>> = call.object(0, Rights::READ)?;
    let capacity = usize::try_from(call.argument(2)).unwrap_or(usize::MAX).min(PACKETS_MAX);
    if capacity == 0 {
        return Err(Error::BadArgument);
    }
    if core::mem::take(&mut call.thread.is_waiting) {
        port.stop_waiting(call.thread.shared());
    }
    let mut packets = [Packet::default(); PACKETS_MAX];
    loop {
        let places = packets.get_mut(..capacity).ok_or(Error::BadArgument)?;
        let count = port.take(places);
        if count > 0 {
            let taken = places.get(..count).unwrap_or_default();
            call.copy_out(1, taken.as_bytes())?;
            return Ok(Answer::Value(count as u64));
        }
        let deadline = call.argument(3);
        if deadline == 0 || has_passed::<M>(deadline) {
            return Err(if deadline == 0 { Error::WouldBlock } else { Error::TimedOut });
        }
        if port.wait(call.thread.shared()) {
            return Ok(sleep(call, deadline));
        }
    }
}

/// `() -> event`
pub(super) fn event_create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    call.add(Object::Event(Event::new()), Rights::all())
}

/// `(event)`
pub(super) fn event_signal<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let event: Arc<Event<M>> = call.object(0, Rights::SIGNAL)?;
    event.ring();
    NOTHING
}

/// `() -> timer`
pub(super) fn timer_create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    call.add(Object::Timer(Timer::new()), Rights::all())
}

/// `(timer, deadline, period)`
pub(super) fn timer_set<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let timer: Arc<Timer<M>> = call.object(0, Rights::WRITE)?;
    timer.set(call.argument(1), call.argument(2));
    NOTHING
}
