//! Calls on threads and futexes.

use super::{Answer, Call, Flow, NOTHING, Outcome, process};
use crate::machine::{Machine, UserRegisters};
use crate::memory::USER_END;
use crate::object::Object;
use crate::thread::{Thread, ThreadShared};
use abi::{Error, Handle, Rights};
use alloc::sync::Arc;
use base_units::Uva;

/// Sleepers that one call wakes at the most: bounds the time in ring 0.
const WAKE_MAX: u64 = 128;

/// `(process, entry, stack, argument) -> thread`
pub(super) fn create<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let process = process::target(call, Rights::CREATE)?;
    let (entry, stack) = (call.argument(1), call.argument(2));
    if entry >= USER_END || stack > USER_END {
        return Err(Error::BadArgument);
    }
    let thread = Thread::new(&process, UserRegisters::new(entry, stack, call.argument(3)))?;
    let shared = thread.shared().clone();
    process.group().enter_runnable();
    M::kernel().make_ready(thread);
    call.add(Object::Thread(shared), Rights::all())
}

/// `()`
pub(super) fn exit<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    call.thread.is_over = true;
    NOTHING
}

/// `(thread, mask ptr, mask len)`
pub(super) fn set_affinity<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let target: Arc<ThreadShared<M>> = match call.handle(0) {
        Handle::NONE => call.thread.shared().clone(),
        _ => call.object(0, Rights::CONTROL)?,
    };
    let mut mask = [0; 8];
    let length = call.length(2, mask.len())?;
    call.copy_in(1, mask.get_mut(..length).ok_or(Error::BadArgument)?)?;
    let mask = u64::from_le_bytes(mask);
    let existing = u64::MAX >> (64 - M::cpu_count().min(64));
    if mask & existing == 0 {
        return Err(Error::BadArgument);
    }
    target.set_affinity(mask & existing);
    M::kernel().announce_limits();
    NOTHING
}

/// `()`
pub(super) fn yield_now<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    if core::mem::replace(&mut call.thread.has_yielded, true) {
        call.thread.has_yielded = false;
        return NOTHING;
    }
    Ok(Answer::Wait(Flow::Yield))
}

/// `(address, expected, deadline)`
pub(super) fn futex_wait<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let shared = call.thread.shared().clone();
    let process = call.thread.process().clone();
    if call.thread.is_waiting {
        // Second time round: woken (and taken off the list by the waker), or the deadline passed.
        call.thread.is_waiting = false;
        let was_asleep = process.futexes().remove(&shared);
        let timed_out = was_asleep && has_passed::<M>(call.argument(2));
        return if timed_out { Err(Error::TimedOut) } else { NOTHING };
    }
    let address = call.argument(0);
    if !address.is_multiple_of(4) {
        return Err(Error::BadArgument);
    }
    let deadline = call.argument(2);
    process.futexes().sleep(address, &shared, || {
        let mut word = [0; 4];
        process.space().copy_in(Uva::new(address), &mut word)?;
        let is_expected = u64::from(u32::from_le_bytes(word)) == call.arguments[1];
        if is_expected { Ok(()) } else { Err(Error::WouldBlock) }
    })?;
    Ok(sleep(call, deadline))
}

/// `(address, count) -> woken`
pub(super) fn futex_wake<M: Machine>(call: &mut Call<'_, M>) -> Outcome {
    let count = call.argument(1).min(WAKE_MAX);
    Ok(Answer::Value(call.thread.process().futexes().wake(call.argument(0), count)))
}

/// Lets the caller sleep until it is woken or `deadline_ns` passes.
pub(super) fn sleep<M: Machine>(call: &mut Call<'_, M>, deadline_ns: u64) -> Answer {
    call.thread.is_waiting = true;
    call.thread.sleep_deadline = (deadline_ns != u64::MAX).then(|| M::ns_to_ticks(deadline_ns));
    Answer::Wait(Flow::Block)
}

/// Whether a deadline on the monotonic clock has passed.
pub(super) fn has_passed<M: Machine>(deadline_ns: u64) -> bool {
    deadline_ns != u64::MAX && M::ticks() >= M::ns_to_ticks(deadline_ns)
}
