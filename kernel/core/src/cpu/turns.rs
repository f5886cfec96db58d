//! How long a thread's turn lasts while others wait for its processor.

use super::{Cpu, NEVER};
use crate::machine::Machine;
use crate::thread::{Running, Thread};

/// Looks at the turn of a thread that others wait for: so many in a slice, besides those with news.
const LOOKS: u64 = 16;

impl<M: Machine> Cpu<M> {
    /// The thread runs from `now` on.
    pub(super) fn begin_slice(&mut self, thread: &Thread<M>, now: u64) {
        self.accounted = now;
        self.occupy(thread);
        self.slice_end = now.saturating_add(self.slice_ticks);
        self.look_at_cap(thread.process().group());
        self.plan_look(now);
        self.arm();
    }

    /// The thread is on the processor, and accounted up to now.
    #[inline]
    pub(super) fn occupy(&self, thread: &Thread<M>) {
        self.shared.occupant.enter(thread.shared(), thread.process().group(), self.accounted);
    }

    /// Whether the thread has to let others run. It costs next to nothing unless there is news or somebody has waited for a
    /// while.
    #[inline]
    pub(super) fn is_turn_over(&mut self, thread: &mut Thread<M>) -> bool {
        let is_over = if self.shared.has_news() {
            self.attend_news(&thread.running())
        } else {
            self.look_at != NEVER && M::ticks() >= self.look_at && self.look(&thread.running())
        };
        is_over && !self.goes_on_below_cap(thread)
    }

    /// Looks at what has changed: whether the turn of the running thread is over now.
    #[inline(never)]
    pub(crate) fn attend_news(&mut self, running: &Running<'_, M>) -> bool {
        self.shared.take_news();
        self.expire_timers();
        self.look_at_cap(running.group());
        self.arm();
        if !running.may_run_on(self.index) {
            self.look_at = 0;
            return true;
        }
        self.look(running)
    }

    /// Whether the turn of the running thread is over. If so, it is until the next turn begins.
    fn look(&mut self, running: &Running<'_, M>) -> bool {
        if self.cap_end == NEVER && !self.shared.has_waiters() {
            self.look_at = NEVER;
            return false;
        }
        let now = M::ticks();
        let has_to_yield = self.shared.has_waiters()
            && (now >= self.slice_end || self.is_older(running, now.saturating_sub(self.accounted)));
        if has_to_yield || now >= self.cap_end || !running.may_run_on(self.index) {
            self.look_at = 0;
            return true;
        }
        self.plan_look(now);
        false
    }

    /// Whether a waiting thread should replace the running one, which has run for `ticks` more than it was accounted for.
    fn is_older(&self, running: &Running<'_, M>, ticks: u64) -> bool {
        self.shared.should_preempt(running.age()) || self.shared.should_preempt(running.age_after(ticks))
    }

    /// Chooses when to look next.
    fn plan_look(&mut self, now: u64) {
        self.look_at = self.cap_end;
        if self.shared.has_waiters() {
            let next = now.saturating_add(self.slice_ticks / LOOKS);
            self.look_at = next.min(self.slice_end).min(self.cap_end);
        }
    }

    /// Whether a thread whose turn seemed to be over for its cap alone may go on: others of its group have slept.
    #[inline]
    fn goes_on_below_cap(&mut self, thread: &mut Thread<M>) -> bool {
        self.cap_end != NEVER && self.look_below_cap(thread)
    }

    #[cold]
    fn look_below_cap(&mut self, thread: &mut Thread<M>) -> bool {
        let now = M::ticks();
        if now < self.cap_end {
            return false;
        }
        self.account(thread);
        self.occupy(thread);
        if thread.process().group().throttled_until(M::ticks_to_ns(now)).is_some() {
            return false;
        }
        self.look_at_cap(thread.process().group());
        self.arm();
        !self.look(&thread.running())
    }
}
