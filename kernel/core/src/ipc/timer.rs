//! A timer object: fires at a deadline, once or periodically.

use super::Observers;
use crate::kernel::TimerTarget;
use crate::lock::Lock;
use crate::machine::Machine;
use crate::sched::TimerKey;
use abi::Signals;
use alloc::sync::Arc;

/// The shortest period, nanoseconds: a program cannot bury a processor under timer interrupts.
const PERIOD_MIN_NS: u64 = 50_000;

/// A timer.
pub struct Timer<M: Machine> {
    observers: Observers<M>,
    state: Lock<State>,
}

struct State {
    /// Where it is armed: processor and entry in its queue.
    armed: Option<(usize, TimerKey)>,
    deadline_ns: u64,
    period_ns: u64,
    has_fired: bool,
}

impl<M: Machine> Timer<M> {
    /// A timer that is not armed.
    pub fn new() -> Arc<Self> {
        let state = State { armed: None, deadline_ns: u64::MAX, period_ns: 0, has_fired: false };
        Arc::new(Self { observers: Observers::new(), state: Lock::new(state) })
    }

    /// Who watches it.
    pub fn observers(&self) -> &Observers<M> {
        &self.observers
    }

    /// `FIRED` from the time it fired until it is set again.
    pub fn signals(&self) -> Signals {
        if self.state.lock().has_fired { Signals::FIRED } else { Signals::empty() }
    }

    /// Arms it on the calling processor, or disarms it with `u64::MAX`.
    pub fn set(self: &Arc<Self>, deadline_ns: u64, period_ns: u64) {
        let mut state = self.state.lock();
        if let Some((cpu, key)) = state.armed.take() {
            M::kernel().cancel_timer(cpu, key);
        }
        state.has_fired = false;
        state.deadline_ns = deadline_ns;
        state.period_ns = if period_ns == 0 { 0 } else { period_ns.max(PERIOD_MIN_NS) };
        if deadline_ns != u64::MAX {
            state.armed = Some(self.arm(deadline_ns));
        }
    }

    /// Called by the processor whose queue it was in.
    pub fn fire(self: &Arc<Self>) {
        {
            let mut state = self.state.lock();
            state.armed = None;
            state.has_fired = true;
            let late = M::ticks_to_ns(M::ticks()).saturating_sub(state.deadline_ns);
            if let Some(missed) = late.checked_div(state.period_ns) {
                let periods = missed.saturating_add(1);
                state.deadline_ns = state.deadline_ns.saturating_add(periods.saturating_mul(state.period_ns));
                state.armed = Some(self.arm(state.deadline_ns));
            }
        }
        self.observers.notify(Signals::FIRED);
    }

    fn arm(self: &Arc<Self>, deadline_ns: u64) -> (usize, TimerKey) {
        M::kernel().add_timer(M::ns_to_ticks(deadline_ns), TimerTarget::Timer(Arc::downgrade(self)))
    }
}

impl<M: Machine> Drop for Timer<M> {
    fn drop(&mut self) {
        if let Some((cpu, key)) = self.state.lock().armed.take() {
            M::kernel().cancel_timer(cpu, key);
        }
    }
}
