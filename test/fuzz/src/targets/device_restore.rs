//! Saved states of anybody's making, for every device of the board.

use crate::{
    Input,
    board::{Board, Choice, Event},
    pair::Pair,
};

/// Restores a board from the bytes behind the first three, and lets some events happen to it if it was taken. The first
/// byte says whether the checksum is put right, the next two how many bytes at the end are events.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let is_sealed = input.u8() & 1 != 0;
    Pair::run_restored(Board::new(), &mut input, is_sealed, |input| Event::take(input, Choice::Everything));
}
