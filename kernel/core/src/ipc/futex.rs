//! Threads of one process that sleep on a word of memory.

use crate::lock::Lock;
use crate::machine::Machine;
use crate::thread::ThreadShared;
use crate::vcpu::Wake;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The sleepers of one process: (address, thread), first come first woken.
pub struct Futexes<M: Machine> {
    sleepers: Lock<Vec<(u64, Arc<ThreadShared<M>>)>>,
}

impl<M: Machine> Futexes<M> {
    /// Nobody sleeps.
    pub const fn new() -> Self {
        Self { sleepers: Lock::new(Vec::new()) }
    }

    /// Notes that `thread` is about to sleep on `address`, if `still_wanted` (called with the table
    /// locked, so that no wake-up between the check and the sleep is lost) says so.
    pub fn sleep<E>(
        &self,
        address: u64,
        thread: &Arc<ThreadShared<M>>,
        still_wanted: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut sleepers = self.sleepers.lock();
        still_wanted()?;
        sleepers.push((address, thread.clone()));
        Ok(())
    }

    /// Removes `thread`; whether it was still asleep.
    pub fn remove(&self, thread: &Arc<ThreadShared<M>>) -> bool {
        let mut sleepers = self.sleepers.lock();
        let Some(place) = sleepers.iter().position(|(_, other)| Arc::ptr_eq(other, thread)) else {
            return false;
        };
        sleepers.remove(place);
        true
    }

    /// Wakes up to `count` sleepers on `address`; returns how many.
    pub fn wake(&self, address: u64, count: u64) -> u64 {
        let mut woken = 0;
        while woken < count {
            let mut sleepers = self.sleepers.lock();
            let Some(place) = sleepers.iter().position(|(at, _)| *at == address) else { break };
            let (_, thread) = sleepers.remove(place);
            drop(sleepers);
            thread.wake();
            woken += 1;
        }
        woken
    }
}

impl<M: Machine> Default for Futexes<M> {
    fn default() -> Self {
        Self::new()
    }
}
