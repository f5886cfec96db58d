//! A lock that sleeps in the kernel when it is contended.
//!
//! Taking a free lock is one compare-exchange, giving it back one exchange; neither enters the
//! kernel. The word says: free, held, or held with sleepers.

use crate::futex;
use base_units::Nanos;
use core::sync::atomic::{AtomicU32, Ordering};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;
/// Looks at the word before sleeping: about as long as a short critical section.
const SPINS: u32 = 100;

/// A lock around a value: `Mutex::new(value)` (also for statics), `lock()`, `try_lock()`.
pub type Mutex<T> = lock_api::Mutex<RawMutex, T>;
/// Access to the value of a held [`Mutex`].
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;

/// The word of a [`Mutex`].
#[derive(Debug)]
pub struct RawMutex(AtomicU32);

impl RawMutex {
    #[inline(always)]
    fn take(&self) -> bool {
        self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn lock_contended(&self) {
        for _ in 0..SPINS {
            if self.0.load(Ordering::Relaxed) == FREE && self.take() {
                return;
            }
            core::hint::spin_loop();
        }
        // From here on the lock is taken as "contended": there may be other sleepers, and whoever gives
        // it back must look for them.
        while self.0.swap(CONTENDED, Ordering::Acquire) != FREE {
            // A refusal means that the word changed meanwhile: look again.
            let _ = futex::wait(&self.0, CONTENDED, Nanos::MAX);
        }
    }

    #[cold]
    fn wake_one(&self) {
        futex::wake(&self.0, 1);
    }
}

// SAFETY: only one thread at a time moves the word from FREE to HELD or CONTENDED, and only the holder
// moves it back.
unsafe impl lock_api::RawMutex for RawMutex {
    const INIT: Self = Self(AtomicU32::new(FREE));
    type GuardMarker = lock_api::GuardSend;

    #[inline(always)]
    fn lock(&self) {
        if !self.take() {
            self.lock_contended();
        }
    }

    #[inline(always)]
    fn try_lock(&self) -> bool {
        self.take()
    }

    #[inline(always)]
    unsafe fn unlock(&self) {
        if self.0.swap(FREE, Ordering::Release) == CONTENDED {
            self.wake_one();
        }
    }

    fn is_locked(&self) -> bool {
        self.0.load(Ordering::Relaxed) != FREE
    }
}

/// Lets threads wait for a change of what a [`Mutex`] protects.
#[derive(Debug, Default)]
pub struct Condition {
    /// Counts notifications: a waiter sleeps only while the count is what it was under the lock.
    changes: AtomicU32,
}

impl Condition {
    /// Makes a condition that nobody waits for.
    pub const fn new() -> Self {
        Self { changes: AtomicU32::new(0) }
    }

    /// Gives the lock up, sleeps until a notification or `deadline`, and takes the lock again. May return
    /// without cause: look at the value again.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Nanos) {
        let seen = self.changes.load(Ordering::Relaxed);
        MutexGuard::unlocked(guard, || {
            // All outcomes mean the same to the caller, who looks at the value again.
            let _ = futex::wait(&self.changes, seen, deadline);
        });
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        futex::wake(&self.changes, 1);
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        futex::wake(&self.changes, u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_not_taken_twice() {
        let mutex = Mutex::new(5);

        let guard = mutex.lock();

        assert!(mutex.try_lock().is_none());
        drop(guard);
        assert_eq!(mutex.try_lock().map(|value| *value), Some(5));
    }
}
