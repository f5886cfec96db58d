//! The chipset of a PC on its bus: ports, memory, configuration space, time, keys; saved and restored on the way.

mod board;
mod event;

use super::snapshot::seal;
use crate::Input;
use board::Board;
use event::Event;

/// Events in one run at the most.
const EVENTS_MAX: usize = 400;
/// Twins made in one run at the most.
const TWINS_MAX: usize = 4;

/// The first byte says what the rest is: events, or a saved state with events behind it. Then the next two bytes say how
/// many bytes at the end are events.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    if input.u8() & 1 == 0 {
        run_events(Board::new(), &mut input);
        return;
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

/// The state of a board that firmware has set up: for the corpus.
pub fn sample() -> Vec<u8> {
    let mut board = Board::new();
    for event in [Event::SetUp, Event::Advance(5_000_000), Event::SetUp] {
        board.perform(event);
    }
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
            compare(&mut board, twin.as_mut());
            twin = Some(board.twin());
            twins += 1;
        }
        let seen = board.perform(event);
        if let Some(twin) = &mut twin {
            assert_eq!(seen, twin.perform(event), "the restored chipset does something else at {event:x?}");
        }
    }
    compare(&mut board, twin.as_mut());
}

fn compare(board: &mut Board, twin: Option<&mut Board>) {
    let Some(twin) = twin else { return };
    assert_eq!(board.save(), twin.save(), "the restored chipset has another state");
    assert_eq!(board.ram(), twin.ram(), "the restored chipset wrote something else to memory");
    assert_eq!(board.floppy(), twin.floppy(), "the floppies differ");
}
