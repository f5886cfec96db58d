//! Values that are made once.

use crate::futex;
use base_units::Nanos;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, Ordering};

const EMPTY: u32 = 0;
const BUSY: u32 = 1;
const READY: u32 = 2;

/// A value that the first user makes and all others share.
#[derive(Debug)]
pub struct Once<T> {
    state: AtomicU32,
    /// Written only by the thread that moved `state` from EMPTY to BUSY; read only in state READY.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written by one thread before `state` becomes READY (release) and only read
// through shared references after that was seen (acquire).
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    /// Makes an empty cell.
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(EMPTY), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// The value, if it was made.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != READY {
            return None;
        }
        // SAFETY: in state READY nobody writes the cell any more.
        let value = unsafe { &*self.value.get() };
        // SAFETY: in state READY the value was written.
        Some(unsafe { value.assume_init_ref() })
    }

    /// The value; `make` makes it if there is none. Other threads wait meanwhile.
    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match self.get() {
            Some(value) => value,
            None => self.init(make),
        }
    }

    #[cold]
    #[inline(never)]
    fn init(&self, make: impl FnOnce() -> T) -> &T {
        let mut make = Some(make);
        loop {
            if let Some(value) = self.get() {
                return value;
            }
            match self.state.compare_exchange(EMPTY, BUSY, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => self.fill(make.take()),
                // A refusal means that the state changed meanwhile: look again.
                Err(BUSY) => drop(futex::wait(&self.state, BUSY, Nanos::MAX)),
                Err(_) => {}
            }
        }
    }

    fn fill(&self, make: Option<impl FnOnce() -> T>) {
        let Some(make) = make else { return };
        let value = make();
        // SAFETY: this thread moved the state to BUSY, so nobody else touches the cell.
        unsafe { (*self.value.get()).write(value) };
        self.state.store(READY, Ordering::Release);
        futex::wake(&self.state, u32::MAX);
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self::new()
    }
}
