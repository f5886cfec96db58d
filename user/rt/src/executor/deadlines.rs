//! The deadlines that tasks sleep for.

use alloc::collections::BTreeMap;
use base_units::Nanos;
use core::task::Waker;

/// Names one entry: its time, and a number that tells it from others of the same time.
pub(super) type DeadlineKey = (Nanos, u64);

/// Deadlines in order of time.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    entries: BTreeMap<DeadlineKey, Waker>,
    next_number: u64,
}

impl Deadlines {
    /// Adds an entry.
    pub(super) fn add(&mut self, deadline: Nanos, waker: Waker) -> DeadlineKey {
        let key = (deadline, self.next_number);
        self.next_number = self.next_number.wrapping_add(1);
        self.entries.insert(key, waker);
        key
    }

    /// Removes an entry, if it has not fired.
    pub(super) fn remove(&mut self, key: DeadlineKey) {
        self.entries.remove(&key);
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Nanos> {
        self.entries.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Wakes and removes all entries up to `now`.
    pub(super) fn fire(&mut self, now: Nanos) {
        while let Some(entry) = self.entries.first_entry() {
            if entry.key().0 > now {
                return;
            }
            entry.remove().wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_fire_in_order_and_only_when_due() {
        let mut deadlines = Deadlines::default();
        let removed = deadlines.add(Nanos::new(5), Waker::noop().clone());
        deadlines.add(Nanos::new(20), Waker::noop().clone());
        deadlines.add(Nanos::new(10), Waker::noop().clone());
        deadlines.add(Nanos::new(10), Waker::noop().clone());

        deadlines.remove(removed);
        assert_eq!(deadlines.next(), Some(Nanos::new(10)));
        deadlines.fire(Nanos::new(9));
        assert_eq!(deadlines.entries.len(), 3);
        deadlines.fire(Nanos::new(10));
        assert_eq!(deadlines.next(), Some(Nanos::new(20)));
    }
}
