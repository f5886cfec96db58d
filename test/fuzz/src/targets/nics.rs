//! Three network cards on one cable: registers, rings, frames from one to the others, links that come and go; saved and
//! restored on the way.

mod board;
mod driver;
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

/// The state of cards whose drivers have sent something: for the corpus.
pub fn sample() -> Vec<u8> {
    let mut board = Board::new();
    for card in 0..board::CARDS as u8 {
        board.perform(Event::SetUp(card, 0));
    }
    for card in 0..board::CARDS as u8 {
        board.perform(Event::Send(card, 0xFF, 100));
    }
    board.perform(Event::Deliver);
    board.save()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_card_sends_arrives_at_the_others() {
        const ROOM: usize = 0x4000;
        const VIRTIO_HEADER: usize = 12;
        for sender in 0..board::CARDS {
            let mut board = Board::new();
            (0..board::CARDS as u8).for_each(|card| drop(board.perform(Event::SetUp(card, 0))));
            board.perform(Event::Send(sender as u8, 0xFF, 100));
            board.perform(Event::Deliver);

            let ram = board.surroundings().concat();
            for card in 0..board::CARDS {
                let header = if card == 0 { VIRTIO_HEADER } else { 0 };
                let start = card * driver::AREA_BYTES as usize + ROOM + header;
                assert_eq!(ram[start..start + 6] == [0xFF; 6], card != sender, "{sender} to {card}");
            }
        }
    }
}
