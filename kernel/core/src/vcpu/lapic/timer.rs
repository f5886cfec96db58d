//! The local APIC's timer. It counts nanoseconds: its clock runs at 1 GHz.

/// What the timer does, from the LVT entry's mode field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TimerMode {
    /// Fires once.
    OneShot,
    /// Fires again and again.
    Periodic,
    /// Fires when the guest's TSC reaches a value.
    TscDeadline,
}

impl TimerMode {
    /// The mode in an LVT entry. The reserved encoding behaves as one-shot.
    pub(crate) const fn from_entry(entry: u32) -> Self {
        match entry >> 17 & 3 {
            1 => TimerMode::Periodic,
            2 => TimerMode::TscDeadline,
            _ => TimerMode::OneShot,
        }
    }
}

/// When the timer has to be looked at next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deadline {
    /// Nanoseconds of the kernel's clock.
    Nanos(u64),
    /// The guest's TSC.
    Tsc(u64),
}

/// The shortest period of a periodic timer: what is shorter would let a guest keep ring 0 busy.
pub(crate) const PERIOD_MIN_NS: u64 = 50_000;

/// The timer's changing state. Mode, mask and vector are in the LVT entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Timer {
    /// Divide configuration register.
    divide: u32,
    /// Initial count register.
    initial: u32,
    /// When the count reaches zero, in kernel nanoseconds; `None` = it stands at zero.
    zero_at_ns: Option<u64>,
    /// TSC deadline, 0 = not armed.
    tsc_deadline: u64,
}

impl Timer {
    /// After RESET.
    pub(crate) const fn new() -> Self {
        Self { divide: 0, initial: 0, zero_at_ns: None, tsc_deadline: 0 }
    }

    pub(crate) fn divide(&self) -> u32 {
        self.divide
    }

    pub(crate) fn initial(&self) -> u32 {
        self.initial
    }

    pub(crate) fn tsc_deadline(&self) -> u64 {
        self.tsc_deadline
    }

    /// log2 of the divider: 2, 4, ... 128, 1 (Intel SDM vol. 3, figure 11-10).
    fn shift(&self) -> u32 {
        ((self.divide & 3 | self.divide >> 1 & 4) + 1) & 7
    }

    fn period_ns(&self) -> u64 {
        u64::from(self.initial) << self.shift()
    }

    /// Writes the divide configuration; what is left of the count stays.
    pub(crate) fn set_divide(&mut self, value: u32, now_ns: u64) {
        let left = self.current(now_ns);
        self.divide = value & 0xb;
        if self.zero_at_ns.is_some() {
            self.zero_at_ns = Some(now_ns.saturating_add(u64::from(left) << self.shift()));
        }
    }

    /// Writes the initial count: starts the timer, or stops it with 0.
    pub(crate) fn set_initial(&mut self, value: u32, now_ns: u64) {
        self.initial = value;
        self.zero_at_ns = match value {
            0 => None,
            _ => Some(now_ns.saturating_add(self.period_ns())),
        };
    }

    /// The current count.
    pub(crate) fn current(&self, now_ns: u64) -> u32 {
        let left = self.zero_at_ns.map_or(0, |at| at.saturating_sub(now_ns)) >> self.shift();
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// Writes the TSC deadline.
    pub(crate) fn set_tsc_deadline(&mut self, value: u64) {
        self.tsc_deadline = value;
    }

    /// Stops it: the mode changed to or from TSC deadline.
    pub(crate) fn stop(&mut self) {
        self.initial = 0;
        self.zero_at_ns = None;
        self.tsc_deadline = 0;
    }

    /// When it fires next.
    pub(crate) fn deadline(&self, mode: TimerMode) -> Option<Deadline> {
        match mode {
            TimerMode::TscDeadline if self.tsc_deadline != 0 => Some(Deadline::Tsc(self.tsc_deadline)),
            TimerMode::TscDeadline => None,
            _ => self.zero_at_ns.map(Deadline::Nanos),
        }
    }

    /// Whether it fires now; if so it is disarmed or starts its next period. Periods that were missed are
    /// not made up for.
    pub(crate) fn expire(&mut self, mode: TimerMode, now_ns: u64, guest_tsc: u64) -> bool {
        match self.deadline(mode) {
            Some(Deadline::Tsc(at)) if guest_tsc >= at => self.tsc_deadline = 0,
            Some(Deadline::Nanos(at)) if now_ns >= at => self.zero_at_ns = self.next_zero(mode, at, now_ns),
            _ => return false,
        }
        true
    }

    fn next_zero(&self, mode: TimerMode, at: u64, now_ns: u64) -> Option<u64> {
        if mode != TimerMode::Periodic || self.initial == 0 {
            return None;
        }
        let period = self.period_ns().max(PERIOD_MIN_NS);
        let missed = now_ns.saturating_sub(at) / period;
        Some(at.saturating_add(period.saturating_mul(missed.saturating_add(1))))
    }

    /// Nanoseconds until the count is zero, for saved state; `u64::MAX` = it stands.
    pub(crate) fn remaining_ns(&self, now_ns: u64) -> u64 {
        self.zero_at_ns.map_or(u64::MAX, |at| at.saturating_sub(now_ns))
    }

    /// A timer from saved state.
    pub(crate) fn restored(
        divide: u32,
        initial: u32,
        remaining_ns: u64,
        tsc_deadline: u64,
        now_ns: u64,
    ) -> Self {
        let zero_at_ns = (remaining_ns != u64::MAX).then(|| now_ns.saturating_add(remaining_ns));
        Self { divide: divide & 0xb, initial, zero_at_ns, tsc_deadline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divider_decodes_as_the_manual_says() {
        let shifts: [u32; 8] =
            [0, 1, 2, 3, 8, 9, 0xa, 0xb].map(|divide| Timer { divide, ..Timer::new() }.shift());

        assert_eq!(shifts, [1, 2, 3, 4, 5, 6, 7, 0]);
    }

    #[test]
    fn a_one_shot_timer_fires_once() {
        let mut timer = Timer::new();
        timer.set_divide(0xb, 0);
        timer.set_initial(1000, 0);

        assert_eq!(timer.current(400), 600);
        assert!(!timer.expire(TimerMode::OneShot, 999, 0));
        assert!(timer.expire(TimerMode::OneShot, 1000, 0));
        assert!(!timer.expire(TimerMode::OneShot, 5000, 0));
        assert_eq!(timer.current(5000), 0);
    }

    #[test]
    fn a_periodic_timer_skips_what_it_missed() {
        let mut timer = Timer::new();
        timer.set_divide(0xb, 0);
        timer.set_initial(100_000, 0);

        assert!(timer.expire(TimerMode::Periodic, 350_000, 0));
        assert_eq!(timer.deadline(TimerMode::Periodic), Some(Deadline::Nanos(400_000)));
    }

    #[test]
    fn a_short_period_is_stretched() {
        let mut timer = Timer::new();
        timer.set_divide(0xb, 0);
        timer.set_initial(1, 0);

        assert!(timer.expire(TimerMode::Periodic, 1, 0));
        assert_eq!(timer.deadline(TimerMode::Periodic), Some(Deadline::Nanos(1 + PERIOD_MIN_NS)));
    }

    #[test]
    fn a_tsc_deadline_fires_once_and_reads_zero_then() {
        let mut timer = Timer::new();
        timer.set_tsc_deadline(500);

        assert!(!timer.expire(TimerMode::TscDeadline, 0, 499));
        assert!(timer.expire(TimerMode::TscDeadline, 0, 500));
        assert_eq!(timer.tsc_deadline(), 0);
    }
}
