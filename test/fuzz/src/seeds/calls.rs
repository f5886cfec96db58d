//! Seeds of programs that make system calls.

use super::{Seed, seed};

/// Bytes of a program.
const PROGRAM_BYTES: usize = 1200;

/// A program without calls, and some that make any.
pub(super) fn syscall() -> Vec<Seed> {
    let names = ["program_1", "program_2", "program_3"];
    let programs = names.iter().zip(1..).map(|(name, number)| seed(name, program(number)));
    core::iter::once(seed("nothing", Vec::new())).chain(programs).collect()
}

/// Bytes that are the same each time (xorshift).
fn program(number: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ number;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..PROGRAM_BYTES).map(|_| next()).collect()
}
