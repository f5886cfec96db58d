//! A board and its restored twin.

use super::{Board, Choice, Event};
use crate::Input;

/// Events in one run at the most.
const EVENTS_MAX: usize = 400;
/// Twins made in one run at the most.
const TWINS_MAX: usize = 4;

/// A board, and what became of it when it was saved and restored into new devices.
#[derive(Default)]
pub struct Pair {
    board: Board,
    twin: Option<Board>,
    twins: usize,
}

impl Pair {
    /// A pair that starts with this board.
    pub fn of(board: Board) -> Self {
        Self { board, twin: None, twins: 0 }
    }

    /// Lets events happen until the input ends.
    ///
    /// # Panics
    /// If a board breaks a promise, or if the two can be told apart.
    pub fn run(&mut self, input: &mut Input<'_>, choice: Choice) {
        for _ in 0..EVENTS_MAX {
            if input.is_empty() {
                break;
            }
            self.perform(Event::take(input, choice));
        }
        self.compare();
    }

    fn perform(&mut self, event: Event<'_>) {
        if event == Event::SaveAndRestore && self.twins < TWINS_MAX {
            self.compare();
            self.make_twin();
        }
        let seen = self.board.perform(event);
        if let Some(twin) = &mut self.twin {
            assert_eq!(seen, twin.perform(event), "the restored board does something else at {event:x?}");
            assert_eq!(self.board.deadline(), twin.deadline(), "it wakes at another time after {event:x?}");
        }
    }

    fn make_twin(&mut self) {
        let mut twin = self.board.twin();
        let saved = self.board.save();
        assert_eq!(twin.restore(&saved), Ok(()), "what was saved is not restored");
        assert_eq!(twin.save(), saved, "what was restored is saved as something else");
        self.twin = Some(twin);
        self.twins += 1;
    }

    fn compare(&mut self) {
        let Some(twin) = &mut self.twin else { return };
        assert_eq!(self.board.save(), twin.save(), "the restored board has another state");
        assert_eq!(self.board.ram(), twin.ram(), "the restored board wrote something else to memory");
        assert_eq!(self.board.disk_content(0), twin.disk_content(0), "the disks differ");
    }
}
