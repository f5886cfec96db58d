//! PCI configuration space, and the windows that it moves.

use crate::{
    Input,
    board::{Board, Choice, Event},
    pair::Pair,
};

/// Reads the bytes as accesses to configuration space and to windows.
pub fn run(data: &[u8]) {
    Pair::of(Board::new()).run(&mut Input::new(data), |input| Event::take(input, Choice::Pci));
}
