//! A terminal: a stream of bytes with control sequences becomes a grid of cells.
//!
//! It understands what shells, boot logs and the line editor use of ECMA-48 and VT100: cursor movement,
//! clearing and colours. The rest is skipped without a trace on the screen.

use crate::grid::{ATTRIBUTE_DEFAULT, Cell, Grid, Position};

/// Parameters of one control sequence that are looked at.
const PARAMETERS_MAX: usize = 16;
const TAB_COLUMNS: usize = 8;
const BRIGHT: u8 = 0x08;

/// Where in a control sequence the bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Ground,
    Escape,
    /// Takes one more byte that says nothing to us (character sets).
    Skip,
    Sequence,
    /// An operating system command: text up to BEL or ESC.
    Command,
}

/// The parameters of a control sequence.
#[derive(Clone, Debug, Default)]
struct Parameters {
    values: [u16; PARAMETERS_MAX],
    last: usize,
    is_private: bool,
}

impl Parameters {
    fn digit(&mut self, digit: u8) {
        if let Some(value) = self.values.get_mut(self.last) {
            *value = value.saturating_mul(10).saturating_add(u16::from(digit));
        }
    }

    fn next(&mut self) {
        self.last = self.last.saturating_add(1);
    }

    fn get(&self, index: usize) -> u16 {
        self.values.get(index).copied().unwrap_or(0)
    }

    /// A count or 1-based place: 0 and absence mean 1.
    fn count(&self, index: usize) -> usize {
        usize::from(self.get(index).max(1))
    }

    fn given(&self) -> &[u16] {
        self.values.get(..self.last.saturating_add(1)).unwrap_or(&self.values)
    }
}

/// A terminal of a fixed size.
#[derive(Clone, Debug)]
pub struct Terminal {
    grid: Grid,
    state: State,
    parameters: Parameters,
    attribute: u8,
    is_bold: bool,
    is_inverse: bool,
    saved: Position,
}

impl Terminal {
    /// An empty terminal.
    pub fn new(columns: usize, rows: usize) -> Self {
        Self {
            grid: Grid::new(columns, rows),
            state: State::Ground,
            parameters: Parameters::default(),
            attribute: ATTRIBUTE_DEFAULT,
            is_bold: false,
            is_inverse: false,
            saved: Position::default(),
        }
    }

    /// What is on the screen.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Takes the next bytes of the stream.
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.push(*byte);
        }
    }

    fn push(&mut self, byte: u8) {
        match (self.state, byte) {
            (State::Command, 0x07) => self.state = State::Ground,
            (_, 0x1b) => self.state = State::Escape,
            (State::Command, _) => {}
            (_, 0x00..=0x1a | 0x1c..=0x1f) => self.control(byte),
            (State::Ground, _) => self.print(byte),
            (State::Skip, _) => self.state = State::Ground,
            (State::Escape, _) => self.escape(byte),
            (State::Sequence, b'0'..=b'9') => self.parameters.digit(byte - b'0'),
            (State::Sequence, b';' | b':') => self.parameters.next(),
            (State::Sequence, b'<'..=b'?') => self.parameters.is_private = true,
            (State::Sequence, b'@'..=b'~') => self.finish(byte),
            (State::Sequence, _) => {}
        }
    }

    fn print(&mut self, byte: u8) {
        let character = match byte {
            b' '..=b'~' => byte,
            // One mark for a whole UTF-8 character: continuation bytes leave none.
            0xc0..=0xff => b'?',
            _ => return,
        };
        let bold = if self.is_bold { self.attribute | BRIGHT } else { self.attribute };
        let attribute = if self.is_inverse { bold.rotate_left(4) } else { bold };
        self.grid.put(Cell { character, attribute });
    }

    fn control(&mut self, byte: u8) {
        let cursor = self.grid.cursor();
        match byte {
            b'\r' => self.grid.move_to(cursor.row, 0),
            b'\n' | 0x0b | 0x0c => self.grid.line_feed(),
            0x08 => self.grid.move_to(cursor.row, cursor.column.saturating_sub(1)),
            b'\t' => {
                let next = (cursor.column / TAB_COLUMNS).saturating_add(1).saturating_mul(TAB_COLUMNS);
                self.grid.move_to(cursor.row, next);
            }
            _ => {}
        }
    }

    fn escape(&mut self, byte: u8) {
        self.state = State::Ground;
        match byte {
            b'[' => {
                self.parameters = Parameters::default();
                self.state = State::Sequence;
            }
            b']' => self.state = State::Command,
            b'(' | b')' | b'#' => self.state = State::Skip,
            b'7' => self.saved = self.grid.cursor(),
            b'8' => self.grid.move_to(self.saved.row, self.saved.column),
            b'D' => self.grid.line_feed(),
            b'E' => {
                self.control(b'\r');
                self.grid.line_feed();
            }
            b'c' => *self = Self::new(self.grid.columns(), self.grid.row_count()),
            _ => {}
        }
    }

    fn finish(&mut self, last: u8) {
        self.state = State::Ground;
        if self.parameters.is_private {
            return;
        }
        let (cursor, count) = (self.grid.cursor(), self.parameters.count(0));
        match last {
            b'A' => self.grid.move_to(cursor.row.saturating_sub(count), cursor.column),
            b'B' | b'e' => self.grid.move_to(cursor.row.saturating_add(count), cursor.column),
            b'C' | b'a' => self.grid.move_to(cursor.row, cursor.column.saturating_add(count)),
            b'D' => self.grid.move_to(cursor.row, cursor.column.saturating_sub(count)),
            b'E' => self.grid.move_to(cursor.row.saturating_add(count), 0),
            b'F' => self.grid.move_to(cursor.row.saturating_sub(count), 0),
            b'G' | b'`' => self.grid.move_to(cursor.row, count - 1),
            b'd' => self.grid.move_to(count - 1, cursor.column),
            b'H' | b'f' => self.grid.move_to(count - 1, self.parameters.count(1) - 1),
            b'J' => self.clear_screen(cursor),
            b'K' => self.clear_line(cursor),
            b'm' => self.select_colours(),
            b's' => self.saved = cursor,
            b'u' => self.grid.move_to(self.saved.row, self.saved.column),
            _ => {}
        }
    }

    fn clear_screen(&mut self, cursor: Position) {
        let rows = self.grid.row_count();
        match self.parameters.get(0) {
            0 => {
                self.clear_line(cursor);
                self.grid.clear_rows(cursor.row.saturating_add(1), rows);
            }
            1 => {
                self.clear_line(cursor);
                self.grid.clear_rows(0, cursor.row);
            }
            _ => self.grid.clear_rows(0, rows),
        }
    }

    fn clear_line(&mut self, cursor: Position) {
        let columns = self.grid.columns();
        match self.parameters.get(0) {
            0 => self.grid.clear_in_row(cursor.column, columns),
            1 => self.grid.clear_in_row(0, cursor.column.saturating_add(1)),
            _ => self.grid.clear_in_row(0, columns),
        }
    }

    fn select_colours(&mut self) {
        let parameters = self.parameters.clone();
        let mut values = parameters.given().iter();
        while let Some(value) = values.next() {
            match *value {
                0 => (self.attribute, self.is_bold, self.is_inverse) = (ATTRIBUTE_DEFAULT, false, false),
                1 => self.is_bold = true,
                22 => self.is_bold = false,
                7 => self.is_inverse = true,
                27 => self.is_inverse = false,
                // A palette of 256 or true colour: we have 16, so the colour stays.
                38 | 48 => {
                    let parts = if values.next() == Some(&2) { 3 } else { 1 };
                    values.by_ref().take(parts).for_each(drop);
                }
                other => self.select_colour(other),
            }
        }
    }

    fn select_colour(&mut self, value: u16) {
        let (first, shift, bright) = match value {
            30..=37 => (30, 0, 0),
            40..=47 => (40, 4, 0),
            90..=97 => (90, 0, BRIGHT),
            100..=107 => (100, 4, BRIGHT),
            39 => return self.set_colour(0, ATTRIBUTE_DEFAULT & 0x0f),
            49 => return self.set_colour(4, ATTRIBUTE_DEFAULT >> 4),
            _ => return,
        };
        self.set_colour(shift, vga_colour(value - first) | bright);
    }

    fn set_colour(&mut self, shift: u32, colour: u8) {
        self.attribute = self.attribute & !(0x0f << shift) | colour << shift;
    }
}

/// ECMA-48 counts red, green, blue from bit 0; VGA the other way round.
fn vga_colour(colour: u16) -> u8 {
    match colour {
        1 => 4,
        3 => 6,
        4 => 1,
        6 => 3,
        other => (other & 7) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(bytes: &[u8]) -> Terminal {
        let mut terminal = Terminal::new(10, 3);
        terminal.write(bytes);
        terminal
    }

    #[test]
    fn long_lines_wrap_and_full_screens_scroll() {
        let terminal = shown(b"0123456789ab\r\nc\r\nd\r\n");

        assert_eq!(terminal.grid().row_text(0), "c");
        assert_eq!(terminal.grid().row_text(1), "d");
        assert_eq!(terminal.grid().row_text(2), "");
    }

    #[test]
    fn a_full_line_does_not_wrap_before_the_next_character() {
        let terminal = shown(b"0123456789\r\nx");

        assert_eq!(
            (terminal.grid().row_text(0), terminal.grid().row_text(1)),
            ("0123456789".into(), "x".into())
        );
    }

    #[test]
    fn the_cursor_goes_where_it_is_told() {
        assert_eq!(shown(b"abc\x1b[2Dx").grid().row_text(0), "axc");
        assert_eq!(shown(b"\x1b[2;3Hx\x1b[Hy").grid().row_text(1), "  x");
        assert_eq!(shown(b"abc\x1b[1G\x1b[K").grid().row_text(0), "");
        assert_eq!(shown(b"a\tb").grid().row_text(0), "a       b");
        assert_eq!(shown(b"a\x1b[2J\x1b[Hb").grid().row_text(0), "b");
    }

    #[test]
    fn colours_become_attributes() {
        let terminal = shown(b"\x1b[1;31mr\x1b[0;44mb\x1b[7mi\x1b[38;5;9mk");
        let attributes: alloc::vec::Vec<u8> =
            terminal.grid().row(0).iter().take(4).map(|cell| cell.attribute).collect();

        assert_eq!(attributes, [0x0c, 0x17, 0x71, 0x71]);
    }

    #[test]
    fn what_is_not_understood_leaves_no_trace() {
        assert_eq!(shown(b"\x1b[?25l\x1b]0;title\x07\x1b(Ba\x1b[6n\xc3\xa9").grid().row_text(0), "a?");
    }

    proptest! {
        #[test]
        fn no_bytes_lead_out_of_the_grid(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let terminal = shown(&bytes);
            let cursor = terminal.grid().cursor();
            prop_assert!(cursor.row < 3 && cursor.column <= 10);
            prop_assert!((0..3).all(|row| terminal.grid().row(row).iter().all(|cell| cell.character.is_ascii())));
        }

        #[test]
        fn no_sequence_leads_out_of_the_grid(text in "(\x1b\\[[0-9]{0,5};?[0-9]{0,5}[A-Zam-u]|[a-z\n]){0,60}") {
            let terminal = shown(text.as_bytes());
            let cursor = terminal.grid().cursor();
            prop_assert!(cursor.row < 3 && cursor.column <= 10);
        }
    }
}
