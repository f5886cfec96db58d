//! What has to be looked at before the guest runs on: posted interrupts, the timer, deliveries, halts.

use super::hardware::{Event, EventKind, VirtualCpu};
use super::lapic::Deadline;
use super::posted::{
    self, POSTED_APART, POSTED_EXTERNAL, POSTED_INIT, POSTED_KICK, POSTED_NMI, POSTED_SIPI, POSTED_UNHALT,
    POSTED_VECTORS, SIPI_SHIFT,
};
use super::processor::Vcpu;
use super::run::{Outcome, RunHost};
use crate::machine::Machine;
use abi::ExitKind;
use spec::control::{DR6_BS, DR6_FIXED, RFLAGS_IF, RFLAGS_TF};

/// What can be delivered may have changed.
pub(super) const ATTENTION_DELIVER: u32 = 1 << 0;
/// The timer may have run out, or its deadline changed.
pub(super) const ATTENTION_TIMER: u32 = 1 << 1;
/// The vCPU is not running: it halts or waits for SIPI.
pub(super) const ATTENTION_IDLE: u32 = 1 << 2;
/// The steal-time record is out of date.
pub(super) const ATTENTION_STEAL: u32 = 1 << 3;

/// Somebody was rung or woken, perhaps on this processor.
pub(super) const ATTENTION_NEWS: u32 = 1 << 4;

/// An interrupt of the PIC waits: see `external`.
pub(super) const ATTENTION_EXTERNAL: u32 = 1 << 6;

/// The run loop ends with `Vcpu::outcome`.
pub(super) const ATTENTION_LEAVE: u32 = 1 << 5;

/// What the vCPU does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Activity {
    /// It runs instructions.
    Running,
    /// HLT: until an interrupt.
    Halted,
    /// After INIT: until SIPI.
    WaitForSipi,
    /// Shutdown: until INIT or a reset by the VMM.
    Shutdown,
}

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// Whether [`Vcpu::attend`] has anything to do.
    #[inline(always)]
    pub(super) fn needs_attention(&self) -> bool {
        self.attention != 0 || self.shared.posted().seems_any()
    }

    /// What ends the run loop: what an exit decided before all else, which waits for the next run. `None` = enter the guest.
    #[inline(always)]
    pub(super) fn look_around<H: RunHost>(&mut self, host: &mut H) -> Option<Outcome> {
        if self.attention & ATTENTION_LEAVE != 0 {
            self.attention &= !ATTENTION_LEAVE;
            return self.outcome.take();
        }
        if self.attention == ATTENTION_NEWS && !self.shared.posted().seems_any() {
            self.attention = 0;
            return host.is_turn_over().then_some(Outcome::Preempted);
        }
        if self.attention & !ATTENTION_IDLE == 0 {
            if self.take_single_interrupt() {
                return None;
            }
            let may_rest = self.attention == ATTENTION_IDLE && self.activity != Activity::Running;
            if may_rest
                && !self.shared.posted().seems_any()
                && let Some(outcome) = self.rest()
            {
                return Some(outcome);
            }
        }
        self.attend(host)
    }

    /// Takes over posted interrupts if nothing else waits, and offers the only one that is requested then. False if there is
    /// more to do, or if the guest halts and cannot take it.
    #[inline(always)]
    fn take_single_interrupt(&mut self) -> bool {
        let Some(word) = self.shared.posted().take_single_word() else { return false };
        if self.is_kept {
            return self.pass_on(word);
        }
        self.sync_lapic();
        let is_quiet = self.lapic.is_quiet() && self.offered.is_none();
        let requested = self.shared.posted().take_vectors(word);
        self.lapic.request_word(word, requested, 0);
        if is_quiet && requested.is_power_of_two() && self.offer_only() {
            return true;
        }
        self.attention |= ATTENTION_DELIVER;
        false
    }

    /// Offers the only interrupt that is requested, while none is on offer and [`Vcpu::sync_lapic`] was called. False if it is held
    /// back or others come first.
    #[inline(always)]
    fn offer_only(&mut self) -> bool {
        let Some(vector) = self.lapic.next() else { return false };
        let is_first = !self.is_nmi_pending && !self.has_external() && !self.is_window_watched;
        let can_run = match self.activity {
            Activity::Running => true,
            Activity::Halted => self.hardware.rflags() & RFLAGS_IF != 0,
            Activity::WaitForSipi | Activity::Shutdown => false,
        };
        if !is_first || !can_run || !self.lapic.outranks(vector) {
            return false;
        }
        self.activity = Activity::Running;
        self.attention &= !ATTENTION_IDLE;
        self.offered = Some(vector);
        self.hardware.offer_interrupt(Some(vector));
        true
    }

    /// Looks at everything that waits. `None` = enter the guest.
    #[inline(never)]
    fn attend<H: RunHost>(&mut self, host: &mut H) -> Option<Outcome> {
        loop {
            let mut is_kicked = false;
            if self.shared.posted().seems_any() {
                is_kicked = self.take_posted();
            }
            if self.attention & ATTENTION_TIMER != 0 {
                self.attend_timer(host);
            }
            if self.attention & ATTENTION_STEAL != 0 {
                self.attention &= !ATTENTION_STEAL;
                self.steal.write(&self.space);
            }
            if is_kicked {
                return Some(self.leave(ExitKind::Kicked, [0; 4]));
            }
            if self.attention & ATTENTION_DELIVER != 0 {
                self.attention &= !ATTENTION_DELIVER;
                self.deliver();
            }
            if self.attention & ATTENTION_EXTERNAL != 0 {
                if let Some(outcome) = self.attend_external() {
                    return Some(outcome);
                }
                // What else can be delivered depends on what became of it.
                continue;
            }
            if self.attention & ATTENTION_NEWS != 0 {
                self.attention &= !ATTENTION_NEWS;
                if host.is_turn_over() {
                    return Some(Outcome::Preempted);
                }
            }
            if self.activity == Activity::Running {
                self.attention &= !ATTENTION_IDLE;
                return None;
            }
            if let Some(outcome) = self.rest() {
                return Some(outcome);
            }
        }
    }

    /// Takes over what others posted. True if the VMM was called for.
    fn take_posted(&mut self) -> bool {
        let posted = self.shared.posted().take();
        self.attention |= ATTENTION_DELIVER;
        if posted & !POSTED_VECTORS != 0 {
            self.take_posted_events(posted);
        }
        for word in posted::words(posted) {
            let requested = self.shared.posted().take_vectors(word);
            self.lapic.request_word(word, requested, 0);
            if posted & POSTED_APART != 0 {
                let (requested, level) = self.shared.posted().take_apart(word);
                self.lapic.request_word(word, requested, level);
            }
        }
        posted & POSTED_KICK != 0
    }

    /// Takes over what is posted besides interrupt vectors, which come after an INIT.
    #[inline(never)]
    fn take_posted_events(&mut self, posted: u32) {
        if posted & POSTED_INIT != 0 {
            self.init();
        }
        if posted & POSTED_SIPI != 0 && self.activity == Activity::WaitForSipi {
            self.start((posted >> SIPI_SHIFT) as u8);
        }
        if posted & POSTED_NMI != 0 {
            self.is_nmi_pending = true;
        }
        if posted & POSTED_EXTERNAL != 0 {
            self.strike_local_line();
        }
        if posted & POSTED_UNHALT != 0 && self.activity == Activity::Halted {
            self.activity = Activity::Running;
        }
    }

    /// Has the timer looked at before the next entry if its time has come.
    #[inline]
    pub(super) fn look_at_timer(&mut self) {
        if self.timer_tick.is_some_and(|tick| M::ticks() >= tick) {
            self.attention |= ATTENTION_TIMER;
        }
    }

    /// Lets the timer fire and tells the host when it wants the processor again.
    fn attend_timer<H: RunHost>(&mut self, host: &mut H) {
        self.attention &= !ATTENTION_TIMER;
        let ticks = M::ticks();
        let guest_tsc = self.tsc.at(ticks);
        self.sync_offer();
        if self.lapic.expire(M::ticks_to_ns(ticks), guest_tsc) && !self.offer_fired() {
            self.attention |= ATTENTION_DELIVER;
        }
        self.timer_tick = self.lapic.deadline().map(|deadline| match deadline {
            Deadline::Nanos(at) => M::ns_to_ticks(at),
            Deadline::Tsc(at) => self.tsc.host_ticks(at, ticks),
        });
        if self.timer_tick != self.told_tick {
            self.told_tick = self.timer_tick;
            host.set_guest_deadline(self.timer_tick);
        }
    }

    /// Offers the timer's interrupt if it is the only one that is requested.
    #[inline]
    fn offer_fired(&mut self) -> bool {
        if self.is_kept {
            return false;
        }
        self.sync_lapic();
        self.offered.is_none() && self.lapic.has_single_request() && self.offer_only()
    }

    /// Takes over from the hardware what the local APIC has to know: the interrupt that the guest took, and
    /// its task priority; or all that the hardware keeps.
    #[inline]
    pub(super) fn sync_lapic(&mut self) {
        if self.is_kept {
            return self.recall();
        }
        self.sync_offer();
        let cr8 = self.hardware.cr8();
        if cr8 != self.lapic.task_priority() >> 4 {
            self.lapic.set_task_priority(cr8 << 4);
        }
    }

    /// Takes over the interrupt that the guest took.
    #[inline]
    pub(super) fn sync_offer(&mut self) {
        if let Some(vector) = self.offered
            && self.hardware.was_offer_taken()
        {
            self.offered = None;
            self.lapic.accept(vector);
            self.shared.count_injected();
        }
    }

    /// Whether the guest takes the interrupt on offer now, unless an interrupt shadow is in the way.
    #[inline]
    pub(super) fn can_take_offer(&self) -> bool {
        if self.is_kept {
            return self.can_take_kept();
        }
        self.offered.is_some_and(|vector| {
            self.hardware.rflags() & RFLAGS_IF != 0 && vector >> 4 > self.hardware.cr8()
        })
    }

    /// Offers the guest what can be delivered, and wakes it from a halt.
    pub(super) fn deliver(&mut self) {
        if !self.is_kept {
            self.sync_lapic();
        }
        if self.activity == Activity::WaitForSipi || self.activity == Activity::Shutdown {
            return;
        }
        if self.is_nmi_pending {
            self.deliver_nmi();
        }
        if self.has_external() {
            return self.prefer_external();
        }
        self.watch_interrupt_window(false);
        if self.can_keep() {
            return self.leave_to_hardware();
        }
        let next = self.lapic.next();
        let is_held_back = next.is_some_and(|vector| vector >> 4 <= self.lapic.task_priority() >> 4);
        let offer = if is_held_back { None } else { next };
        if offer != self.offered {
            self.offered = offer;
            self.hardware.offer_interrupt(offer);
        }
        self.hardware.watch_cr8(is_held_back);
        if offer.is_some() && self.hardware.rflags() & RFLAGS_IF != 0 {
            self.activity = Activity::Running;
        }
    }

    /// Offers an interrupt that was requested just now. While none is on offer, all that are requested are held back, so that
    /// one which outranks what holds them back is the next.
    #[inline]
    pub(super) fn offer_requested(&mut self, vector: u8) {
        if self.is_kept {
            self.leave_one_to_hardware(vector);
        } else if self.offered.is_none() && !self.is_window_watched && self.lapic.outranks(vector) {
            self.offered = Some(vector);
            self.hardware.offer_interrupt(Some(vector));
        } else {
            self.attention |= ATTENTION_DELIVER;
        }
    }

    /// Injects the pending NMI, or arranges to be asked again when it can be.
    fn deliver_nmi(&mut self) {
        if self.is_nmi_blocked {
            return;
        }
        self.activity = Activity::Running;
        if self.hardware.injection().is_some() || self.hardware.has_shadow() {
            // One instruction later neither is in the way.
            self.hardware.step(true);
            return;
        }
        self.is_nmi_pending = false;
        self.is_nmi_blocked = true;
        self.hardware.step(false);
        self.hardware.inject(Event::NMI);
        self.hardware.watch_nmi_end(true);
    }

    /// The guest is about to run IRET in its NMI handler.
    pub(super) fn end_nmi(&mut self) -> Option<Outcome> {
        self.hardware.watch_nmi_end(false);
        if self.is_nmi_pending {
            // The next NMI may come only after IRET has restored the stack.
            self.is_nmi_ending = true;
            self.hardware.step(true);
        } else {
            self.is_nmi_blocked = false;
        }
        None
    }

    /// The guest has ended its NMI handler.
    pub(super) fn nmi_ended(&mut self) -> Option<Outcome> {
        self.hardware.watch_nmi_end(false);
        self.is_nmi_blocked = false;
        self.attention |= ATTENTION_DELIVER;
        None
    }

    /// A step is over: an NMI that waited can come.
    pub(super) fn stepped(&mut self) -> Option<Outcome> {
        if core::mem::take(&mut self.is_nmi_ending) {
            self.is_nmi_blocked = false;
        }
        self.attention |= ATTENTION_DELIVER;
        None
    }

    /// Halts the vCPU, unless something has been posted meanwhile.
    fn rest(&mut self) -> Option<Outcome> {
        let is_deaf = self.activity == Activity::Halted && self.hardware.rflags() & RFLAGS_IF == 0;
        if is_deaf && !self.is_halt_reported {
            self.is_halt_reported = true;
            return Some(self.leave(ExitKind::HaltedForever, [0; 4]));
        }
        if self.activity == Activity::Shutdown && !self.is_halt_reported {
            self.is_halt_reported = true;
            return Some(self.leave(ExitKind::Shutdown, [0; 4]));
        }
        self.attention |= ATTENTION_IDLE;
        if self.shared.try_halt() {
            let deadline = if self.activity == Activity::Halted { self.timer_tick } else { None };
            return Some(Outcome::Halted { deadline });
        }
        self.shared.set_running();
        None
    }

    /// Raises an exception in the guest, together with one whose delivery was broken off (Intel SDM vol. 3,
    /// table 7-5).
    pub(super) fn raise(&mut self, event: Event) {
        match self.hardware.injection() {
            None => self.hardware.inject(event),
            Some(first) => self.raise_second(first, event),
        }
    }

    #[cold]
    fn raise_second(&mut self, first: Event, second: Event) {
        match first.kind {
            EventKind::External => {
                if self.is_kept {
                    self.recall();
                }
                if self.lapic.take_back(first.vector) {
                    self.attention |= ATTENTION_DELIVER;
                } else {
                    self.acknowledge_external(first.vector);
                }
            }
            EventKind::Nmi => {
                self.is_nmi_pending = true;
                self.is_nmi_blocked = false;
                self.attention |= ATTENTION_DELIVER;
            }
            // INT n runs again when the handler of the second returns.
            EventKind::Software => {}
            EventKind::Exception if first.vector == 8 && is_serious(second.vector) => {
                self.hardware.cancel_injection();
                return self.shut_down();
            }
            EventKind::Exception if makes_double_fault(first.vector, second.vector) => {
                return self.hardware.inject(Event::exception(8, Some(0)));
            }
            EventKind::Exception => {}
        }
        self.hardware.inject(second);
    }

    /// Goes on after an instruction that was carried out here: next RIP, no interrupt shadow, single-step trap.
    #[inline(always)]
    pub(super) fn skip_to(&mut self, next_rip: u64) {
        if self.hardware.advance(next_rip) & RFLAGS_TF != 0 {
            self.trap_step();
        }
    }

    #[cold]
    fn trap_step(&mut self) {
        let status = self.hardware.debug(6) | DR6_BS | DR6_FIXED;
        self.hardware.set_debug(6, status);
        self.raise(Event::exception(1, None));
    }
}

/// Page faults and contributory exceptions.
fn is_serious(vector: u8) -> bool {
    vector == 14 || is_contributory(vector)
}

fn is_contributory(vector: u8) -> bool {
    matches!(vector, 0 | 10 | 11 | 12 | 13)
}

fn makes_double_fault(first: u8, second: u8) -> bool {
    is_contributory(first) && is_contributory(second) || first == 14 && is_serious(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_combine_as_the_manual_says() {
        assert!(makes_double_fault(13, 13));
        assert!(makes_double_fault(14, 14));
        assert!(makes_double_fault(14, 13));
        assert!(!makes_double_fault(13, 14));
        assert!(!makes_double_fault(1, 13));
        assert!(!makes_double_fault(6, 14));
    }
}
