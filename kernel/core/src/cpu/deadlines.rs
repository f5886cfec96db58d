//! The processor's timer: one deadline for all that wants to be looked at in time.

use super::{Cpu, NEVER};
use crate::group::Group;
use crate::kernel::{Counters, TimerTarget};
use crate::machine::{HostInterrupt, Machine};
use crate::vcpu::Wake;

impl<M: Machine> Cpu<M> {
    /// Asks for a timer interrupt at the guest's APIC deadline while its vCPU runs.
    pub fn set_guest_deadline(&mut self, ticks: Option<u64>) {
        self.guest_deadline = ticks;
        // Nothing else has changed since the timer was set.
        let deadline = ticks.unwrap_or(NEVER);
        if deadline < self.armed {
            self.set_timer(deadline);
        }
    }

    /// Finds out how long the thread may run for its group's cap.
    #[inline]
    pub(super) fn look_at_cap(&mut self, group: &Group) {
        self.cap_end = match group.cap_remaining_ns(|| M::ticks_to_ns(self.accounted)) {
            Some(remaining) => self.accounted.saturating_add(M::ns_to_ticks(remaining)),
            None => NEVER,
        };
    }

    /// Sees to it that the timer fires at the next deadline or before. One that is set too early already stays: to fire for
    /// nothing once costs less than to set it anew each time that a thread stops waiting.
    pub(super) fn arm(&mut self) {
        let deadline = self.next_deadline();
        if deadline < self.armed {
            self.set_timer(deadline);
        }
    }

    /// Sets the timer to the next deadline or `further`: nothing else is to wake an idle processor.
    pub(super) fn arm_for_idle(&mut self, further: u64) {
        let deadline = self.next_deadline().min(further);
        if deadline != self.armed {
            self.set_timer(deadline);
        }
    }

    #[cold]
    fn set_timer(&mut self, deadline: u64) {
        self.armed = deadline;
        M::arm_timer((deadline != NEVER).then_some(deadline));
    }

    /// What comes first; [`NEVER`] if nothing does.
    fn next_deadline(&self) -> u64 {
        let ends_slice = self.shared.has_waiters() || self.kernel.has_dead();
        let slice = if ends_slice { self.slice_end } else { NEVER };
        let release = self.shared.next_release().map_or(NEVER, M::ns_to_ticks);
        let guest = self.guest_deadline.unwrap_or(NEVER);
        let timers = self.shared.next_deadline().unwrap_or(NEVER);
        slice.min(self.cap_end).min(release).min(guest).min(timers)
    }

    /// Does a part of what is left to do for objects that are gone, if the running thread has had a slice for itself.
    pub(super) fn clean_up_once_a_slice(&mut self) {
        if self.kernel.has_dead() && M::ticks() >= self.slice_end {
            self.kernel.clean_up();
            if !self.shared.has_waiters() {
                self.slice_end = M::ticks().saturating_add(self.slice_ticks);
            }
            self.arm();
        }
    }

    /// Takes the interrupts that have arrived. After a timer interrupt the timer is not set: the caller goes on to
    /// [`Cpu::arm`] or to another thread.
    pub(super) fn take_interrupts(&mut self) {
        while let Some(interrupt) = M::take_interrupt() {
            let counters = &self.shared.counters;
            match interrupt {
                HostInterrupt::Timer => {
                    Counters::count(&counters.timer);
                    self.armed = NEVER;
                    self.look_at = 0;
                    self.forget_passed_deadline();
                    self.expire_timers();
                    self.shared.release();
                }
                HostInterrupt::Notify => Counters::count(&counters.cross),
                HostInterrupt::Device(line) => {
                    Counters::count(&counters.device);
                    self.kernel.interrupts().deliver(line);
                }
            }
        }
    }

    /// A guest's deadline that has passed must not be armed again: the vCPU looks at the clock itself.
    fn forget_passed_deadline(&mut self) {
        let now = M::ticks();
        self.guest_deadline = self.guest_deadline.filter(|deadline| *deadline > now);
    }

    /// Wakes what the timer queue says.
    #[inline(always)]
    pub(super) fn expire_timers(&mut self) {
        if self.shared.next_deadline().is_some() {
            self.take_due();
        }
    }

    #[cold]
    fn take_due(&mut self) {
        let now = M::ticks();
        while let Some(target) = self.shared.take_due(now) {
            match target {
                TimerTarget::Thread(thread) => {
                    if let Some(thread) = thread.upgrade() {
                        thread.wake();
                    }
                }
                TimerTarget::Timer(timer) => {
                    if let Some(timer) = timer.upgrade() {
                        timer.fire();
                    }
                }
            }
        }
    }
}
