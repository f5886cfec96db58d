//! The clock's three interrupts, computed from the time that passed.

use super::{
    calendar::DAY_SECONDS,
    registers::{DIVIDER_NORMAL, Flags, Mode, RATE},
    state::{Rtc, SECOND},
};
use base_units::Nanos;
use vmm_bus::{Attention, Effects, Level};

/// Ticks of the crystal in one second.
const CRYSTAL_HZ: u64 = 32_768;

impl Rtc {
    /// Sets the flags for everything that happened up to `now`.
    pub(super) fn catch_up(&mut self, now: Nanos) {
        let (from, to) = (self.checked, self.clock(now));
        self.checked = to;
        if to <= from {
            return;
        }
        if let Some(ticks) = self.period_ticks()
            && periods(from, ticks) != periods(to, ticks)
        {
            self.flags |= Flags::PERIODIC;
        }
        if self.mode.contains(Mode::SET) {
            return;
        }
        if from / SECOND != to / SECOND {
            self.flags |= Flags::UPDATE;
        }
        if self.next_alarm(from / SECOND) <= to / SECOND {
            self.flags |= Flags::ALARM;
        }
    }

    /// When the next enabled interrupt happens that is not waiting already.
    pub(super) fn next_interrupt(&self) -> Nanos {
        let wanted = |mode, flag| self.mode.contains(mode) && !self.flags.contains(flag);
        let mut clock = u64::MAX;
        if let (true, Some(ticks)) = (wanted(Mode::PERIODIC, Flags::PERIODIC), self.period_ticks()) {
            let next = periods(self.checked, ticks).saturating_add(1).saturating_mul(ticks);
            clock = clock.min(ticks_to_clock(next));
        }
        if !self.mode.contains(Mode::SET) {
            let second = self.checked / SECOND;
            if wanted(Mode::UPDATE, Flags::UPDATE) {
                clock = clock.min(second.saturating_add(1).saturating_mul(SECOND));
            }
            if wanted(Mode::ALARM, Flags::ALARM) {
                clock = clock.min(self.next_alarm(second).saturating_mul(SECOND));
            }
        }
        if clock == u64::MAX { Nanos::MAX } else { Nanos::new(clock.wrapping_sub(self.offset)) }
    }

    /// Reading register C acknowledges everything.
    pub(super) fn take_flags(&mut self) -> u8 {
        let mut flags = core::mem::replace(&mut self.flags, Flags::empty());
        flags.set(Flags::INTERRUPT, flags.bits() & self.enables() != 0);
        flags.bits()
    }

    /// Drives the line and announces the deadline after anything may have changed.
    pub(super) fn report(&mut self, effects: &mut Effects) {
        let wants = self.flags.bits() & self.enables() != 0;
        if wants != self.asserted {
            self.asserted = wants;
            effects.set_line(self.line, Level::from_asserted(wants));
        }
        if self.enables() != 0 {
            effects.note(Attention::DEADLINE);
        }
    }

    fn enables(&self) -> u8 {
        (self.mode & (Mode::PERIODIC | Mode::ALARM | Mode::UPDATE)).bits()
    }

    /// Ticks of the crystal between two periodic interrupts (MC146818A, table 5).
    fn period_ticks(&self) -> Option<u64> {
        let is_running = self.register_a & 0x70 == DIVIDER_NORMAL;
        match self.register_a & RATE {
            0 => None,
            _ if !is_running => None,
            // The two fastest rates repeat those of 8 and 9 with this crystal.
            rate @ 1..=2 => Some(1 << (rate + 6)),
            rate => Some(1 << (rate - 1)),
        }
    }

    /// The first second after `second` at which the alarm matches; `u64::MAX` if it never does.
    fn next_alarm(&self, second: u64) -> u64 {
        let alarm = self.alarm();
        let midnight = second / DAY_SECONDS * DAY_SECONDS;
        let today = first_match(alarm, second.saturating_sub(midnight).saturating_add(1));
        let tomorrow = || first_match(alarm, 0).map(|of_day| of_day.saturating_add(DAY_SECONDS));
        today.or_else(tomorrow).map_or(u64::MAX, |of_day| midnight.saturating_add(of_day))
    }
}

/// The first second of a day, not before `from`, that an alarm of hour, minute and second matches.
fn first_match([hour, minute, second]: [Option<u64>; 3], from: u64) -> Option<u64> {
    let fits = |wanted: Option<u64>, value: u64| wanted.is_none_or(|wanted| wanted == value);
    let hours = (0..24).filter(|value| fits(hour, *value));
    let minutes = hours.flat_map(|hours| (0..60).map(move |minutes| (hours, minutes)));
    let minutes =
        minutes.filter(|(_, value)| fits(minute, *value)).map(|(hours, minutes)| hours * 3600 + minutes * 60);
    // A minute that ends before `from` cannot match.
    let minutes = minutes.filter(|start| start + 59 >= from);
    let seconds = minutes.flat_map(|start| (0..60).map(move |seconds| (start, seconds)));
    seconds
        .filter(|(_, value)| fits(second, *value))
        .map(|(start, value)| start + value)
        .find(|value| *value >= from)
}

/// Whole periods of `ticks` crystal ticks up to `clock`.
fn periods(clock: u64, ticks: u64) -> u64 {
    let total = u128::from(clock).saturating_mul(u128::from(CRYSTAL_HZ)) / u128::from(SECOND);
    u64::try_from(total).unwrap_or(u64::MAX) / ticks
}

/// The first nanosecond at which so many crystal ticks have passed.
fn ticks_to_clock(ticks: u64) -> u64 {
    let nanos = u128::from(ticks).saturating_mul(u128::from(SECOND)).div_ceil(u128::from(CRYSTAL_HZ));
    u64::try_from(nanos).unwrap_or(u64::MAX)
}
