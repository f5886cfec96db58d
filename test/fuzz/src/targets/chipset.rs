//! The chipset of a PC on its bus: ports, memory, configuration space, time, keys; saved and restored on the way.

mod board;
mod event;

use crate::{
    Input,
    pair::{Pair, Restorable},
};
use board::Board;
use event::Event;

/// The first byte says what the rest is: events, or a saved state with events behind it. Then the next two bytes say how
/// many bytes at the end are events.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    if input.u8() & 1 == 0 {
        Pair::of(Board::new()).run(&mut input, Event::take);
    } else {
        Pair::run_restored(Board::new(), &mut input, true, Event::take);
    }
}

/// The state of a board that firmware has set up: for the corpus.
pub fn sample() -> Vec<u8> {
    let mut board = Board::new();
    for event in [Event::SetUp, Event::Advance(5_000_000), Event::SetUp] {
        board.perform(event);
    }
    board.save()
}
