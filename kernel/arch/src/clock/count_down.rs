//! The count-down clock of a local APIC (Intel SDM vol. 3, 11.5.4): 32 bits, and a divider for what is further away.

use core::cell::Cell;

/// By how much the slow clock is divided, as a power of two.
const SLOW_SHIFT: u32 = 7;

/// The registers of the clock.
pub trait CountDownRegisters {
    /// Divides the clock by 128, or not at all. It stays so until it is said again.
    fn set_divider(&self, is_slow: bool);
    /// Starts to count down from here; 0 stops the clock.
    fn set_count(&self, count: u32);
}

/// What is known of the calling processor's clock.
pub struct CountDown {
    is_slow: Cell<bool>,
}

impl CountDown {
    /// That of a clock that is not divided.
    pub const fn new() -> Self {
        Self { is_slow: Cell::new(false) }
    }

    /// Starts the clock to end in `ticks` of its undivided self; earlier if it cannot count that far.
    #[inline]
    pub fn start(&self, registers: &impl CountDownRegisters, ticks: u64) {
        let near = u32::try_from(ticks.max(1));
        if self.is_slow.get() != near.is_err() {
            self.is_slow.set(near.is_err());
            registers.set_divider(near.is_err());
        }
        let far = || u32::try_from(ticks >> SLOW_SHIFT).unwrap_or(u32::MAX);
        registers.set_count(near.unwrap_or_else(|_| far()));
    }

    /// Stops the clock.
    #[inline]
    pub fn stop(&self, registers: &impl CountDownRegisters) {
        registers.set_count(0);
    }
}

impl Default for CountDown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A clock as the hardware has it.
    #[derive(Default)]
    struct Clock {
        is_slow: Cell<bool>,
        count: Cell<u32>,
    }

    impl CountDownRegisters for Clock {
        fn set_divider(&self, is_slow: bool) {
            self.is_slow.set(is_slow);
        }

        fn set_count(&self, count: u32) {
            self.count.set(count);
        }
    }

    impl Clock {
        fn ticks_left(&self) -> u64 {
            u64::from(self.count.get()) << if self.is_slow.get() { 7 } else { 0 }
        }
    }

    proptest! {
        #[test]
        fn the_clock_ends_in_time_whatever_it_was_set_to_before(
            distances in prop::collection::vec(prop_oneof![0..1_u64 << 20, 0..1_u64 << 34, 0..u64::MAX], 1..20),
        ) {
            let (clock, state) = (Clock::default(), CountDown::new());
            for ticks in distances {
                state.start(&clock, ticks);

                let left = clock.ticks_left();
                prop_assert!(left > 0);
                prop_assert!(left <= ticks.max(1), "{left} instead of {ticks}");
                let lost = if ticks <= u64::from(u32::MAX) { 0 } else { 127 };
                let is_at_end = clock.is_slow.get() && clock.count.get() == u32::MAX;
                prop_assert!(is_at_end || ticks.max(1) - left <= lost, "{left} instead of {ticks}");
            }
        }
    }

    #[test]
    fn a_stopped_clock_does_not_end() {
        let (clock, state) = (Clock::default(), CountDown::new());
        state.start(&clock, 5);

        state.stop(&clock);

        assert_eq!(clock.ticks_left(), 0);
    }
}
