//! What has to happen at a point in time on one processor.

use alloc::vec::Vec;

/// Names one entry of a [`TimerQueue`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TimerKey {
    deadline: u64,
    number: u64,
}

/// Deadlines in ticks with what they are for. Invariant: sorted by falling key, the next one last.
#[derive(Debug)]
pub struct TimerQueue<T> {
    entries: Vec<(TimerKey, T)>,
    next_number: u64,
}

impl<T> TimerQueue<T> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), next_number: 0 }
    }

    /// The next deadline in ticks.
    pub fn next_deadline(&self) -> Option<u64> {
        self.entries.last().map(|(key, _)| key.deadline)
    }

    /// Adds an entry.
    pub fn add(&mut self, deadline: u64, target: T) -> TimerKey {
        let key = TimerKey { deadline, number: self.next_number };
        self.next_number += 1;
        let place = self.entries.partition_point(|(other, _)| *other > key);
        self.entries.insert(place, (key, target));
        key
    }

    /// Removes an entry; `None` if it has fired.
    pub fn remove(&mut self, key: TimerKey) -> Option<T> {
        let place = self.entries.binary_search_by(|(other, _)| key.cmp(other)).ok()?;
        Some(self.entries.remove(place).1)
    }

    /// Takes the next entry whose deadline is at or before `now`.
    pub fn take_due(&mut self, now: u64) -> Option<T> {
        if self.next_deadline()? > now {
            return None;
        }
        self.entries.pop().map(|(_, target)| target)
    }
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_entry_that_fired_cannot_be_removed() {
        let mut queue = TimerQueue::new();
        let key = queue.add(5, 'a');

        assert_eq!(queue.take_due(4), None);
        assert_eq!(queue.take_due(5), Some('a'));
        assert_eq!(queue.remove(key), None);
    }

    proptest! {
        #[test]
        fn the_queue_behaves_like_a_sorted_map(steps in prop::collection::vec((0u8..3, 0u64..50), 0..80)) {
            let mut queue = TimerQueue::new();
            let mut model = BTreeMap::new();
            let mut keys = Vec::new();
            for (step, value) in steps {
                match step {
                    0 => {
                        let key = queue.add(value, value);
                        model.insert(key, value);
                        keys.push(key);
                    }
                    1 if !keys.is_empty() => {
                        let key = keys[value as usize % keys.len()];
                        prop_assert_eq!(queue.remove(key), model.remove(&key));
                    }
                    _ => {
                        let first = model.first_key_value().map(|(key, _)| *key).filter(|k| k.deadline <= value);
                        prop_assert_eq!(queue.take_due(value), first.and_then(|key| model.remove(&key)));
                    }
                }
                prop_assert_eq!(queue.next_deadline(), model.first_key_value().map(|(key, _)| key.deadline));
            }
        }
    }
}
