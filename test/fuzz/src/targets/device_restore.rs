//! Saved states of anybody's making, for every device of the board.

use super::snapshot::seal;
use crate::{
    Input,
    board::{Board, Choice, Pair},
};

/// Restores a board from the bytes behind the first three, and lets some events happen to it if it was taken. The first
/// byte says whether the checksum is put right, the next two how many bytes at the end are events.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let is_sealed = input.u8() & 1 != 0;
    let events = usize::from(input.u16());
    let (state, events) = input.rest().split_at(input.rest().len().saturating_sub(events));
    let mut state = state.to_vec();
    if is_sealed {
        seal(&mut state);
    }
    let mut board = Board::new();
    match board.restore(&state) {
        Ok(()) => Pair::of(board).run(&mut Input::new(events), Choice::Everything),
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal without words"),
    }
}
