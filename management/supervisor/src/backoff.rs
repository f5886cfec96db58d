//! How long to wait before the next start.

use base_units::Nanos;

/// The pause before the first restart.
pub const DELAY_FIRST: Nanos = Nanos::from_millis(250);
/// The longest pause.
pub const DELAY_MAX: Nanos = Nanos::from_millis(60_000);
/// A run of this length counts as healthy: the next failure is the first again.
pub const STABLE_AFTER: Nanos = Nanos::from_millis(30_000);

/// Doubles the pause with each failure in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures_in_a_row: u32,
    started: Nanos,
}

impl Backoff {
    /// A run begins.
    pub(crate) fn run_starts(&mut self, now: Nanos) {
        self.started = now;
    }

    /// A run has ended and another is wanted: how long to wait for it.
    pub(crate) fn run_ended(&mut self, now: Nanos) -> Nanos {
        if now.saturating_sub(self.started) >= STABLE_AFTER {
            self.failures_in_a_row = 0;
        }
        let doublings = self.failures_in_a_row;
        self.failures_in_a_row = doublings.saturating_add(1);
        let factor = 1u64.checked_shl(doublings).unwrap_or(u64::MAX);
        Nanos::new(DELAY_FIRST.raw().saturating_mul(factor)).min(DELAY_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::default();

        let pauses: [u64; 4] = core::array::from_fn(|_| backoff.run_ended(Nanos::ZERO).raw() / 1_000_000);

        assert_eq!(pauses, [250, 500, 1000, 2000]);
        for _ in 0..100 {
            assert!(backoff.run_ended(Nanos::ZERO) <= DELAY_MAX);
        }
    }

    #[test]
    fn a_healthy_run_forgives() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.run_ended(Nanos::ZERO);
        }

        backoff.run_starts(Nanos::ZERO);

        assert_eq!(backoff.run_ended(STABLE_AFTER), DELAY_FIRST);
    }
}
