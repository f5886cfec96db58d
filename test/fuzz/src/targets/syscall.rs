//! System calls, faults and guests' exits of a program that the bytes describe.
//!
//! Ring 0 must not panic, and must have everything back once the program's processes have ended.

/// Plays the program.
pub fn run(data: &[u8]) {
    kernel_core::testing::run_calls(data);
}
