//! A hostile ring-3 program: does what it may not, and calls the kernel at random.
//!
//! Each deed is done by a child process of its own, whose end is looked at: an instruction that ring 3 may not run must be
//! its fault and nobody else's. Other children make system calls with random numbers, handles and pointers. In the
//! end nothing may be left of them. The last line that this program writes to the log is `RING3 holds` or `RING3
//! fails: why`.
#![no_std]
#![no_main]
// Starting threads in other processes and putting machine code there is what this program is for.
#![allow(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;

mod calls;
mod child;
mod deeds;
mod guests;
mod random;

use alloc::string::String;
use child::Nursery;
use user_rt::{Group, Startup, next_object};

user_rt::entry!(main);

fn main(startup: Startup) -> i64 {
    match run(startup) {
        Ok(()) => user_rt::log!("RING3 holds"),
        Err(why) => user_rt::log!("RING3 fails: {why}"),
    }
    0
}

/// A program that may have exactly so much memory does nothing that is not allowed.
const TAME_BYTES: u64 = 32 << 20;

fn run(startup: Startup) -> Result<(), String> {
    let group: Group = next_object(&mut startup.handles.into_iter())
        .map_err(|error| alloc::format!("it was given no group: {error:?}"))?;
    guests::obey(&group)?;
    let limits = group.info().map_err(|error| alloc::format!("{error:?}"))?.limits;
    if limits.memory_bytes == TAME_BYTES {
        return Ok(());
    }
    let nursery = Nursery::new(&group)?;
    deeds::all_end_well(&nursery)?;
    calls::survive(&nursery)?;
    nursery.must_be_empty()
}
