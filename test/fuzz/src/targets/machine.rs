//! Everything that a guest can do to a board of devices.

use crate::{
    Input,
    board::{Board, Choice, Event},
    pair::Pair,
};

/// Reads the bytes as events.
pub fn run(data: &[u8]) {
    Pair::of(Board::new()).run(&mut Input::new(data), |input| Event::take(input, Choice::Everything));
}
