//! Keys, from the bytes that a terminal sends for them.

/// The byte that leads from a VM's serial line to the monitor and back: Ctrl-].
pub const ESCAPE_KEY: u8 = 0x1d;

/// A key as the line editor understands it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// A printable ASCII character.
    Character(u8),
    /// Enter.
    Enter,
    /// Tab.
    Tab,
    /// Backspace.
    Backspace,
    /// Delete, Ctrl-D.
    Delete,
    /// Cursor left, Ctrl-B.
    Left,
    /// Cursor right, Ctrl-F.
    Right,
    /// Cursor up, Ctrl-P.
    Up,
    /// Cursor down, Ctrl-N.
    Down,
    /// Home, Ctrl-A.
    Home,
    /// End, Ctrl-E.
    End,
    /// Ctrl-C.
    Cancel,
    /// Ctrl-L.
    Redraw,
    /// Ctrl-K.
    CutToEnd,
    /// Ctrl-U.
    CutToStart,
    /// Ctrl-W.
    CutWord,
    /// [`ESCAPE_KEY`].
    Escape,
}

/// Where in an escape sequence the bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Ground,
    /// After a carriage return, whose line feed is not a second Enter.
    Return,
    /// After ESC.
    Escape,
    /// After ESC `[` or ESC `O`, with the number so far.
    Sequence(u8),
}

/// Makes keys from a terminal's bytes (ECMA-48 control sequences as VT220 and xterm send them).
#[derive(Clone, Debug, Default)]
pub struct KeyDecoder {
    state: State,
}

impl KeyDecoder {
    /// Takes the next byte; the key that it completes, if it completes one.
    pub fn push(&mut self, byte: u8) -> Option<Key> {
        let state = core::mem::take(&mut self.state);
        match (state, byte) {
            // Whatever was going on, this byte leads out of it.
            (_, ESCAPE_KEY) => Some(Key::Escape),
            (_, 0x1b) => self.enter(State::Escape),
            (State::Escape, b'[' | b'O') => self.enter(State::Sequence(0)),
            (State::Escape, _) => None,
            (State::Sequence(number), b'0'..=b'9') => {
                self.enter(State::Sequence(number.saturating_mul(10).saturating_add(byte - b'0')))
            }
            // A second parameter says which modifiers are held, which does not matter here.
            (State::Sequence(number), b';') => self.enter(State::Sequence(number)),
            (State::Sequence(number), _) => sequence_key(number, byte),
            (State::Return, b'\n') => None,
            (State::Ground | State::Return, _) => self.plain(byte),
        }
    }

    fn enter(&mut self, state: State) -> Option<Key> {
        self.state = state;
        None
    }

    fn plain(&mut self, byte: u8) -> Option<Key> {
        Some(match byte {
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Cancel,
            0x04 => Key::Delete,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | 0x7f => Key::Backspace,
            b'\t' => Key::Tab,
            b'\n' => Key::Enter,
            0x0b => Key::CutToEnd,
            0x0c => Key::Redraw,
            b'\r' => {
                self.state = State::Return;
                Key::Enter
            }
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x15 => Key::CutToStart,
            0x17 => Key::CutWord,
            b' '..=b'~' => Key::Character(byte),
            _ => return None,
        })
    }
}

fn sequence_key(number: u8, last: u8) -> Option<Key> {
    Some(match (last, number) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', 1 | 7) => Key::Home,
        (b'F', _) | (b'~', 4 | 8) => Key::End,
        (b'~', 3) => Key::Delete,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = KeyDecoder::default();
        bytes.iter().filter_map(|byte| decoder.push(*byte)).collect()
    }

    #[test]
    fn sequences_become_keys() {
        assert_eq!(
            keys(b"a\x1b[A\x1bOB\x1b[3~\x1b[1;5C"),
            [Key::Character(b'a'), Key::Up, Key::Down, Key::Delete, Key::Right]
        );
    }

    #[test]
    fn one_press_of_enter_is_one_enter() {
        assert_eq!(keys(b"\r\n\n\r"), [Key::Enter, Key::Enter, Key::Enter]);
    }

    #[test]
    fn the_escape_key_works_inside_of_a_sequence() {
        assert_eq!(keys(b"\x1b[\x1d"), [Key::Escape]);
    }
}
