//! The clock of the calling test thread: it stands until the test moves it. One tick is one nanosecond.

use std::cell::Cell;

thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn ticks() -> u64 {
    TICKS.get()
}

pub(crate) fn set_ticks(ticks: u64) {
    TICKS.set(ticks);
}
