//! The spin lock of ring 0.
//!
//! Ring 0 takes no interrupts, so a lock is never wanted by somebody who interrupts its holder.
//! Sections are short: no lock is held while ring 3 or a guest runs.
//!
//! Nobody who holds a lock waits for another of the same kind: two who did would wait for each other. The exception is memory,
//! where a clone is locked after its origin, which is older.

/// A spin lock around a value.
#[derive(Debug, Default)]
pub struct Lock<T>(spin::Mutex<T>);

/// A held [`Lock`]; lets go when dropped.
pub(crate) type LockGuard<'a, T> = spin::MutexGuard<'a, T>;

impl<T> Lock<T> {
    /// Puts `value` behind a lock.
    pub const fn new(value: T) -> Self {
        Self(spin::Mutex::new(value))
    }

    /// Waits for the lock and takes it.
    #[inline]
    pub fn lock(&self) -> LockGuard<'_, T> {
        self.0.lock()
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        self.0.try_lock()
    }

    /// The value, by the only one who can reach it.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}
