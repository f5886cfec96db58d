//! Sleeping on a word of memory: what locks are made of.

use crate::syscall::{call2, call3};
use abi::{Error, Syscall};
use base_units::Nanos;
use core::sync::atomic::AtomicU32;

/// Sleeps while `word` holds `expected`, until woken or `deadline`. `WouldBlock` if it holds something
/// else, `TimedOut` at the deadline. May return without cause.
pub fn wait(word: &AtomicU32, expected: u32, deadline: Nanos) -> Result<(), Error> {
    let address = word.as_ptr().expose_provenance() as u64;
    // SAFETY: the word is valid while it is borrowed, and the kernel only reads it.
    unsafe { call3(Syscall::FutexWait, address, u64::from(expected), deadline.raw()) }?;
    Ok(())
}

/// Wakes up to `count` sleepers on `word`; returns how many.
pub fn wake(word: &AtomicU32, count: u32) -> u64 {
    let address = word.as_ptr().expose_provenance() as u64;
    // SAFETY: the address is only a name here. The call fails for no aligned address of ours.
    unsafe { call2(Syscall::FutexWake, address, u64::from(count)) }.map_or(0, |(woken, _)| woken)
}
