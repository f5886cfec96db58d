//! Who runs on a processor since when: what readers of figures add to what is accounted already.
//!
//! A thread is accounted when it leaves its processor. One that never does would seem to need no time, so whoever asks
//! looks at all processors; nothing wakes one for that.

use crate::group::Group;
use crate::thread::ThreadShared;
use crate::{Machine, kernel::Kernel};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Nobody runs.
const NOBODY: u64 = 0;
/// The time is being accounted.
const ACCOUNTING: u64 = u64::MAX;
/// Times that a reader looks at figures that change while it does.
const LOOKS_MAX: u32 = 16;

/// The thread on a processor. Written by that processor only; addresses are only compared.
#[derive(Default)]
pub struct Occupant {
    thread: AtomicUsize,
    group: AtomicUsize,
    /// Accounted up to here, ticks.
    since: AtomicU64,
}

impl Occupant {
    /// A thread runs from `now` (ticks) on.
    #[inline]
    pub(super) fn enter<M: Machine>(&self, thread: &ThreadShared<M>, group: &Group, now: u64) {
        self.thread.store(core::ptr::from_ref(thread).addr(), Relaxed);
        self.group.store(core::ptr::from_ref(group).addr(), Relaxed);
        self.since.store(now.max(1), Release);
    }

    /// What it used is about to be accounted.
    #[inline]
    pub(super) fn begin_account(&self) {
        self.since.store(ACCOUNTING, Release);
    }

    /// It is accounted and runs no more.
    #[inline]
    pub(super) fn leave(&self) {
        self.since.store(NOBODY, Release);
    }

    /// Whether a thread of `group` is or was the last.
    pub fn is_of(&self, group: &Group) -> bool {
        self.group.load(Relaxed) == core::ptr::from_ref(group).addr()
    }

    /// Whether `thread` is or was the last.
    pub fn is<M: Machine>(&self, thread: &ThreadShared<M>) -> bool {
        self.thread.load(Relaxed) == core::ptr::from_ref(thread).addr()
    }
}

impl<M: Machine> Kernel<M> {
    /// The processor time that is `accounted` (nanoseconds) and what those occupants have used since that `is_meant` says yes to.
    pub fn used_ns(&self, accounted: impl Fn() -> u64, is_meant: impl Fn(&Occupant) -> bool) -> u64 {
        for _ in 0..LOOKS_MAX {
            let before = self.stamp();
            let (accounted, now) = (accounted(), M::ticks());
            let running = self.cpus().iter().filter(|cpu| is_meant(&cpu.occupant));
            let ticks: u64 = running.map(|cpu| cpu.occupant.since.load(Acquire)).fold(0, |sum, since| {
                let is_running = since != NOBODY && since != ACCOUNTING;
                sum.saturating_add(if is_running { now.saturating_sub(since) } else { 0 })
            });
            if before.is_some() && self.stamp() == before {
                return accounted.saturating_add(M::ticks_to_ns(ticks));
            }
            M::relax();
        }
        accounted()
    }

    /// Changes whenever a thread comes or goes; `None` while one is accounted.
    fn stamp(&self) -> Option<u64> {
        self.cpus().iter().try_fold(0u64, |sum, cpu| {
            let since = cpu.occupant.since.load(Acquire);
            (since != ACCOUNTING).then(|| sum.rotate_left(7) ^ since)
        })
    }
}
