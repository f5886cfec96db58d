//! The registers of UART, clock, I/O APIC, power management, reset and keyboard controller.

use crate::{
    Input,
    board::{Choice, Pair},
};

/// Reads the bytes as accesses to registers, with some time in between.
pub fn run(data: &[u8]) {
    Pair::default().run(&mut Input::new(data), Choice::Registers);
}
