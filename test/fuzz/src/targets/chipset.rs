//! The chipset of a PC on its bus: ports, memory, configuration space, time, keys; saved and restored on the way.

mod board;
mod event;

use crate::Input;
use board::Board;
use event::Event;

/// Events in one run at the most.
const EVENTS_MAX: usize = 400;
/// Twins made in one run at the most.
const TWINS_MAX: usize = 4;

/// Reads the bytes as events.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut board = Board::new();
    let (mut twin, mut twins): (Option<Board>, usize) = (None, 0);
    for _ in 0..EVENTS_MAX {
        if input.is_empty() {
            break;
        }
        let event = Event::take(&mut input);
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
