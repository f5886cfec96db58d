//! The threads that want one processor.

use super::{PREEMPT_MARGIN_NS, WAKE_CREDIT_NS};
use crate::group::Group;
use alloc::vec::Vec;

/// Entries looked at for one whose group is below its reservation, or that may move to another processor.
const SCAN_MAX: usize = 16;

/// A thread is never further ahead of its queue's floor than this when it comes from elsewhere.
const AHEAD_MAX_NS: u64 = 10_000_000_000;

/// What the queue needs to know of a thread.
pub trait Schedulable {
    /// Its age in virtual nanoseconds.
    fn virtual_time(&self) -> u64;
    /// Changes its age.
    fn set_virtual_time(&mut self, virtual_ns: u64);
    /// The group it belongs to.
    fn group(&self) -> &Group;
    /// Whether it may run on processor `cpu`.
    fn may_run_on(&self, cpu: usize) -> bool;
}

/// How a thread comes to the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// It slept: it gets [`WAKE_CREDIT_NS`] but no more for the time it slept.
    Woken {
        /// Virtual floor of the queue of the processor that it ran on last.
        from_floor: u64,
    },
    /// It ran here until now.
    Preempted,
    /// It waited in another processor's queue.
    Moved {
        /// Virtual floor of the queue that it comes from.
        from_floor: u64,
    },
}

/// A run queue. Invariant: `ready` is sorted by falling virtual time, so the next thread is the last.
#[derive(Debug)]
pub struct RunQueue<T> {
    ready: Vec<T>,
    /// Threads whose group has used up its cap, with the time (ns) at which they may run again.
    throttled: Vec<(u64, T)>,
    /// No thread that is ready is younger than this by more than the credit; never falls.
    floor: u64,
}

impl<T: Schedulable> RunQueue<T> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { ready: Vec::new(), throttled: Vec::new(), floor: 0 }
    }

    /// Threads that are ready, without the throttled ones.
    pub fn len(&self) -> usize {
        self.ready.len()
    }

    /// Whether no thread is ready.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// The queue's virtual clock.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// When the first throttled thread may run again (ns).
    pub fn next_release(&self) -> Option<u64> {
        self.throttled.iter().map(|(until, _)| *until).min()
    }

    /// A running thread that is older than this should be replaced by one in the queue; `u64::MAX` if none is ready.
    #[inline]
    pub fn preempts_above(&self) -> u64 {
        self.ready.last().map_or(u64::MAX, |next| next.virtual_time().saturating_add(PREEMPT_MARGIN_NS))
    }

    /// Adds a thread.
    pub fn push(&mut self, mut thread: T, arrival: Arrival) {
        let age = match arrival {
            Arrival::Woken { from_floor } => {
                self.carry_over(&thread, from_floor).max(self.floor.saturating_sub(WAKE_CREDIT_NS))
            }
            Arrival::Preempted => thread.virtual_time(),
            Arrival::Moved { from_floor } => self.carry_over(&thread, from_floor),
        };
        thread.set_virtual_time(age);
        let place = self.ready.iter().rposition(|other| other.virtual_time() > age).map_or(0, |at| at + 1);
        if place == self.ready.len() {
            self.ready.push(thread);
        } else {
            self.ready.insert(place, thread);
        }
    }

    /// Takes the thread that runs next. The time decides over caps and reservations, and is asked for only where there are
    /// any.
    pub fn pop(&mut self, now_ns: impl Fn() -> u64) -> Option<T> {
        if !self.throttled.is_empty() {
            self.release(now_ns());
        }
        loop {
            let next = self.take_reserved(&now_ns).or_else(|| self.ready.pop())?;
            let until = if next.group().is_capped() { next.group().throttled_until(now_ns()) } else { None };
            match until {
                Some(until) => self.throttled.push((until, next)),
                None => {
                    self.floor = self.floor.max(next.virtual_time());
                    return Some(next);
                }
            }
        }
    }

    /// Puts `thread`, which ran here until now, back and takes the one that runs next.
    pub fn exchange(&mut self, thread: T, now_ns: impl Fn() -> u64) -> Option<T> {
        let is_plain = self.throttled.is_empty() && !Group::has_reservations();
        let Some(next) = self.ready.last_mut().filter(|next| {
            is_plain && !next.group().is_capped() && next.virtual_time() <= thread.virtual_time()
        }) else {
            self.push(thread, Arrival::Preempted);
            return self.pop(now_ns);
        };
        self.floor = self.floor.max(next.virtual_time());
        let age = thread.virtual_time();
        let next = core::mem::replace(next, thread);
        // It took the place of the youngest and may be older than others.
        let mut place = self.ready.len() - 1;
        while let Some(before) = place.checked_sub(1)
            && self.ready[before].virtual_time() <= age
        {
            self.ready.swap(before, place);
            place = before;
        }
        Some(next)
    }

    /// Takes a thread for processor `cpu`, which has nothing to do: the one that would wait longest.
    pub fn steal(&mut self, cpu: usize) -> Option<T> {
        let place = self.ready.iter().take(SCAN_MAX).position(|thread| thread.may_run_on(cpu))?;
        Some(self.ready.remove(place))
    }

    /// The age in this queue of a thread whose age was counted in a queue with another floor: ages mean
    /// something only relative to the floor.
    fn carry_over(&self, thread: &T, from_floor: u64) -> u64 {
        let (age, floor) = (thread.virtual_time(), self.floor);
        match age.checked_sub(from_floor) {
            Some(ahead) => floor.saturating_add(ahead.min(AHEAD_MAX_NS)),
            None => floor.saturating_sub(from_floor - age),
        }
    }

    /// Makes the throttled threads ready whose time has come.
    pub fn release(&mut self, now_ns: u64) {
        let mut index = 0;
        while let Some((until, _)) = self.throttled.get(index) {
            if *until > now_ns {
                index += 1;
                continue;
            }
            let (_, thread) = self.throttled.swap_remove(index);
            self.push(thread, Arrival::Woken { from_floor: self.floor });
        }
    }

    /// Takes a thread whose group is below its reservation; one that is alone needs none.
    #[inline]
    fn take_reserved(&mut self, now_ns: impl Fn() -> u64) -> Option<T> {
        if self.ready.len() < 2 || !Group::has_reservations() {
            return None;
        }
        let now_ns = now_ns();
        let mut first = self.ready.iter().rev().take(SCAN_MAX);
        let place = first.position(|thread| thread.group().is_below_reservation(now_ns))?;
        let index = self.ready.len() - 1 - place;
        Some(self.ready.remove(index))
    }
}

impl<T: Schedulable> Default for RunQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::PERIOD_NS;
    use abi::GroupLimits;
    use alloc::sync::Arc;
    use proptest::prelude::*;

    #[derive(Debug)]
    struct Task {
        name: u32,
        age: u64,
        group: Arc<Group>,
        cpus: u64,
    }

    impl Schedulable for Task {
        fn virtual_time(&self) -> u64 {
            self.age
        }
        fn set_virtual_time(&mut self, virtual_ns: u64) {
            self.age = virtual_ns;
        }
        fn group(&self) -> &Group {
            &self.group
        }
        fn may_run_on(&self, cpu: usize) -> bool {
            self.cpus >> cpu & 1 == 1
        }
    }

    fn task(name: u32, age: u64, group: &Arc<Group>) -> Task {
        Task { name, age, group: group.clone(), cpus: u64::MAX }
    }

    fn group(limits: GroupLimits) -> Arc<Group> {
        Group::below(&Group::root(), &limits).unwrap()
    }

    /// Runs `queue` for `slices` slices of 1 ms and counts who got how many.
    fn shares(queue: &mut RunQueue<Task>, slices: u64) -> [u64; 4] {
        let mut got = [0; 4];
        for slice in 0..slices {
            let now = slice * 1_000_000;
            let Some(mut running) = queue.pop(|| now) else { continue };
            got[running.name as usize] += 1;
            running.group.account_cpu(1_000_000, || now);
            running.age += running.group.virtual_time(1_000_000);
            queue.push(running, Arrival::Preempted);
        }
        got
    }

    #[test]
    fn contended_time_is_shared_by_weight() {
        let light = group(GroupLimits { weight: 100, ..GroupLimits::default() });
        let heavy = group(GroupLimits { weight: 300, ..GroupLimits::default() });
        let mut queue = RunQueue::new();
        queue.push(task(0, 0, &light), Arrival::Woken { from_floor: 0 });
        queue.push(task(1, 0, &heavy), Arrival::Woken { from_floor: 0 });

        let got = shares(&mut queue, 4000);

        assert!(got[0].abs_diff(1000) <= 2, "{got:?}");
    }

    #[test]
    fn a_cap_bounds_a_group_that_nobody_competes_with() {
        let capped = group(GroupLimits { cap_milli: 250, ..GroupLimits::default() });
        let mut queue = RunQueue::new();
        queue.push(task(0, 0, &capped), Arrival::Woken { from_floor: 0 });

        let got = shares(&mut queue, 4000);

        assert!(got[0].abs_diff(1000) <= 30, "{got:?}");
    }

    #[test]
    fn a_reservation_is_kept_against_a_heavier_group() {
        let reserved = group(GroupLimits { weight: 1, reservation_milli: 400, ..GroupLimits::default() });
        let heavy = group(GroupLimits { weight: 10_000, ..GroupLimits::default() });
        let mut queue = RunQueue::new();
        queue.push(task(0, 0, &reserved), Arrival::Woken { from_floor: 0 });
        queue.push(task(1, 0, &heavy), Arrival::Woken { from_floor: 0 });

        let got = shares(&mut queue, 4000);

        assert!(got[0] >= 1590, "{got:?}");
    }

    #[test]
    fn a_throttled_thread_says_when_it_comes_back() {
        let capped = group(GroupLimits { cap_milli: 100, ..GroupLimits::default() });
        let mut queue = RunQueue::new();
        queue.push(task(0, 0, &capped), Arrival::Woken { from_floor: 0 });
        capped.account_cpu(PERIOD_NS / 10, || 5);

        assert!(queue.pop(|| 6).is_none());

        assert_eq!(queue.next_release(), Some(PERIOD_NS));
        assert!(queue.pop(|| PERIOD_NS).is_some());
    }

    #[test]
    fn a_thread_that_wanders_between_processors_does_not_age_by_it() {
        let root = Group::root();
        let mut queues = [RunQueue::new(), RunQueue::new()];
        let mut wanderer = task(0, 1_000_000_000, &root);
        let mut from_floor = 0;
        for turn in 0..200 {
            let queue = &mut queues[turn % 2];
            let arrival =
                if turn % 3 == 0 { Arrival::Moved { from_floor } } else { Arrival::Woken { from_floor } };
            queue.push(wanderer, arrival);
            wanderer = queue.pop(|| 0).unwrap();
            wanderer.age += 1000;
            from_floor = queue.floor();
        }

        assert!(wanderer.age < 2_000_000_000, "{}", wanderer.age);
    }

    #[test]
    fn a_sleeper_gets_no_credit_for_a_long_sleep() {
        let root = Group::root();
        let mut queue = RunQueue::new();
        queue.push(task(0, 1_000_000_000, &root), Arrival::Preempted);
        let runner = queue.pop(|| 0).unwrap();
        queue.push(runner, Arrival::Preempted);

        let from_floor = queue.floor();
        queue.push(task(1, 0, &root), Arrival::Woken { from_floor });

        assert_eq!(queue.pop(|| 0).unwrap().age, 1_000_000_000 - WAKE_CREDIT_NS);
    }

    #[test]
    fn a_thread_bound_elsewhere_is_not_stolen() {
        let root = Group::root();
        let mut queue = RunQueue::new();
        let mut bound = task(0, 0, &root);
        bound.cpus = 0b01;
        queue.push(bound, Arrival::Woken { from_floor: 0 });

        assert!(queue.steal(1).is_none());
        assert!(queue.steal(0).is_some());
    }

    proptest! {
        #[test]
        fn an_exchange_is_as_putting_back_and_taking(
            ages in prop::collection::vec(0u64..20, 0..12),
            steps in prop::collection::vec(0u64..20, 1..40),
            cap in prop::bool::ANY,
        ) {
            let plain = Group::root();
            let other = group(GroupLimits { cap_milli: if cap { 100 } else { 0 }, ..GroupLimits::default() });
            let (mut one, mut two) = (RunQueue::new(), RunQueue::new());
            for (name, age) in (0..).zip(&ages) {
                for queue in [&mut one, &mut two] {
                    let group = if name % 3 == 0 { &other } else { &plain };
                    queue.push(task(name, *age, group), Arrival::Preempted);
                }
            }
            let (mut first, mut second) = (Some(task(99, 5, &plain)), Some(task(99, 5, &plain)));
            for more in steps {
                let (Some(mut a), Some(mut b)) = (first, second) else { break };
                (a.age, b.age) = (a.age + more, b.age + more);
                first = one.exchange(a, || 7);
                two.push(b, Arrival::Preempted);
                second = two.pop(|| 7);
                prop_assert_eq!(first.as_ref().map(|t| (t.name, t.age)), second.as_ref().map(|t| (t.name, t.age)));
                prop_assert_eq!(one.floor(), two.floor());
                prop_assert_eq!(one.preempts_above(), two.preempts_above());
            }
            let rest = |queue: &mut RunQueue<Task>| -> Vec<u32> {
                core::iter::from_fn(|| queue.pop(|| 7)).map(|t| t.name).collect()
            };
            prop_assert_eq!(rest(&mut one), rest(&mut two));
        }

        #[test]
        fn threads_leave_in_order_of_age(ages in prop::collection::vec(0u64..1000, 0..40)) {
            let root = Group::root();
            let mut queue = RunQueue::new();
            for age in &ages {
                queue.push(task(0, *age, &root), Arrival::Preempted);
            }

            let left: Vec<u64> = core::iter::from_fn(|| queue.pop(|| 0)).map(|t| t.age).collect();

            let mut sorted = ages;
            sorted.sort_unstable();
            prop_assert_eq!(left, sorted);
        }
    }
}
