//! The registers of UART, clock, I/O APIC, power management, reset and keyboard controller.

use crate::{
    Input,
    board::{Board, Choice, Event},
    pair::Pair,
};

/// Reads the bytes as accesses to registers, with some time in between.
pub fn run(data: &[u8]) {
    Pair::of(Board::new()).run(&mut Input::new(data), |input| Event::take(input, Choice::Registers));
}
