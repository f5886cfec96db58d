//! Three network cards on one cable: registers, rings, frames from one to the others, links that come and go; saved and
//! restored on the way.

mod board;
mod driver;
mod event;

use super::snapshot::seal;
use crate::Input;
use board::Board;
use event::Event;

/// Events in one run at the most.
const EVENTS_MAX: usize = 300;
/// Twins made in one run at the most.
const TWINS_MAX: usize = 4;

/// The first byte says what the rest is: events, or a saved state with events behind it. Then the next two bytes say how
/// many bytes at the end are events.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    if input.u8() & 1 == 0 {
        return run_events(Board::new(), &mut input);
    }
    let events = usize::from(input.u16());
    let (state, events) = input.rest().split_at(input.rest().len().saturating_sub(events));
    let mut state = state.to_vec();
    seal(&mut state);
    let mut board = Board::new();
    match board.restore(&state) {
        Ok(()) => run_events(board, &mut Input::new(events)),
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal without words"),
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

fn run_events(mut board: Board, input: &mut Input<'_>) {
    let (mut twin, mut twins): (Option<Board>, usize) = (None, 0);
    for _ in 0..EVENTS_MAX {
        if input.is_empty() {
            break;
        }
        let event = Event::take(input);
        if event == Event::SaveAndRestore && twins < TWINS_MAX {
            compare(&board, twin.as_ref());
            twin = Some(board.twin());
            twins += 1;
        }
        let seen = board.perform(event);
        if let Some(twin) = &mut twin {
            assert_eq!(seen, twin.perform(event), "the restored cards do something else at {event:x?}");
        }
    }
    compare(&board, twin.as_ref());
}

fn compare(board: &Board, twin: Option<&Board>) {
    let Some(twin) = twin else { return };
    assert_eq!(board.save(), twin.save(), "the restored cards have another state");
    assert_eq!(board.ram(), twin.ram(), "the restored cards wrote something else to memory");
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

            let ram = board.ram();
            for card in 0..board::CARDS {
                let header = if card == 0 { VIRTIO_HEADER } else { 0 };
                let start = card * driver::AREA_BYTES as usize + ROOM + header;
                assert_eq!(ram[start..start + 6] == [0xFF; 6], card != sender, "{sender} to {card}");
            }
        }
    }
}
