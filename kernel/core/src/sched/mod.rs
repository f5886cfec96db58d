//! Scheduling: who runs where, and when a sleeping thread is woken.
//!
//! Each processor has a [`RunQueue`] ordered by virtual time (start-time fair queueing: a thread
//! ages by the time it runs, divided by its group's weight) and a [`TimerQueue`]. There is no
//! tick: the processor's timer is armed for the earliest of a waiting competitor's slice, a cap,
//! a guest's APIC timer and the first entry of the timer queue; with none of these it is off.

mod queue;
mod timers;

pub use queue::{Arrival, RunQueue, Schedulable};
pub use timers::{TimerKey, TimerQueue};

/// How long a thread runs while another waits for its processor, nanoseconds.
pub const SLICE_NS: u64 = 4_000_000;
/// Virtual time that a woken thread may be behind the processor's floor: what lets it preempt.
pub const WAKE_CREDIT_NS: u64 = SLICE_NS / 2;
/// A woken thread preempts only one that is further ahead than this.
pub const PREEMPT_MARGIN_NS: u64 = 500_000;
