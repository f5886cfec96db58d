//! Sleep: of threads, and of processors that have nothing to do.
//!
//! A thread that sleeps while its processor has nothing else to do rests where it is: the processor goes idle with the
//! thread in its hands, its FPU state and tables loaded, and goes on with it when it is woken. Only when
//! something else turns up meanwhile is the thread put away.

use super::{Cpu, NEVER, Next};
use crate::kernel::Counters;
use crate::machine::Machine;
use crate::thread::Thread;
use alloc::boxed::Box;
use core::sync::atomic::Ordering::Relaxed;

impl<M: Machine> Cpu<M> {
    /// The thread sleeps until it is woken or its deadline passes.
    pub(super) fn block(&mut self, thread: Box<Thread<M>>) -> Next<M> {
        if self.has_other_work() {
            return self.park(thread);
        }
        self.rest(thread)
    }

    fn park(&mut self, mut thread: Box<Thread<M>>) -> Next<M> {
        self.set_aside(&mut thread);
        match thread.park() {
            Some(mut thread) => {
                self.occupy(&thread);
                self.load_extended(&mut thread);
                Next::Continue(thread)
            }
            None => Next::Gone,
        }
    }

    fn rest(&mut self, mut thread: Box<Thread<M>>) -> Next<M> {
        self.account(&mut thread);
        if !thread.begin_rest(self.index) {
            self.occupy(&thread);
            return Next::Continue(thread);
        }
        self.cap_end = NEVER;
        let deadline = thread.sleep_deadline.unwrap_or(NEVER);
        loop {
            self.idle(deadline);
            let now = M::ticks();
            if thread.end_rest(now >= deadline) {
                self.begin_slice(&thread, now);
                return Next::Continue(thread);
            }
            if self.has_other_work() {
                break;
            }
        }
        thread.guest_deadline = self.guest_deadline;
        self.save_extended(&mut thread);
        match thread.settle() {
            Some(mut thread) => {
                self.begin_slice(&thread, M::ticks());
                self.load_extended(&mut thread);
                Next::Continue(thread)
            }
            None => Next::Gone,
        }
    }

    /// Nothing is to be done and no thread is at hand.
    pub(super) fn wait(&mut self) {
        if self.loaded.is_some() {
            // The process may be gone, or go while this processor sleeps.
            M::activate_kernel_table();
            self.loaded = None;
        }
        self.guest_deadline = None;
        self.cap_end = NEVER;
        self.idle(NEVER);
    }

    /// Waits for an interrupt, at `deadline` at the latest, and takes it; not if something is to be done at once.
    fn idle(&mut self, deadline: u64) {
        self.kernel.set_idle(self.index, true);
        // A thread that came before the bit was set found this processor busy; look again.
        if self.shared.has_waiters() || self.shared.take_news() {
            self.kernel.set_idle(self.index, false);
            return self.expire_timers();
        }
        self.arm_for_idle(deadline);
        let start = M::ticks();
        M::idle();
        self.kernel.set_idle(self.index, false);
        let counters = &self.shared.counters;
        Counters::count(&counters.idle_exits);
        let idle = M::ticks().saturating_sub(start);
        counters.idle_ticks.store(counters.idle_ticks.load(Relaxed).wrapping_add(idle), Relaxed);
        self.take_interrupts();
    }

    /// Whether the processor could do something for others now.
    fn has_other_work(&self) -> bool {
        self.shared.has_ready(M::ticks())
            || self.kernel.has_dead()
            || self.kernel.has_work_elsewhere(self.index)
    }
}
