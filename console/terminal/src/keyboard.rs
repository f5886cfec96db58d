//! A PS/2 keyboard as a source of terminal bytes.

use alloc::vec::Vec;
use pc_keyboard::{
    DecodedKey, EventDecoder, HandleControl, KeyCode, KeyEvent, KeyState, ScancodeSet, ScancodeSet1,
    ScancodeSet2, layouts::Us104Key,
};

/// The scan code set that the keyboard speaks.
#[allow(clippy::large_enum_variant, reason = "both are a few bytes")]
enum Codes {
    /// What an i8042 makes of any keyboard unless told otherwise.
    First(ScancodeSet1),
    /// What keyboards send on their wire.
    Second(ScancodeSet2),
}

/// Makes terminal bytes from scan codes, for the US layout.
pub struct Keyboard {
    codes: Codes,
    keys: EventDecoder<Us104Key>,
    is_control_held: [bool; 2],
}

impl Keyboard {
    /// A keyboard behind an i8042 that translates to set 1.
    pub fn translated() -> Self {
        Self::speaking(Codes::First(ScancodeSet1::new()))
    }

    /// A keyboard whose own set 2 comes through.
    pub fn untranslated() -> Self {
        Self::speaking(Codes::Second(ScancodeSet2::new()))
    }

    fn speaking(codes: Codes) -> Self {
        let keys = EventDecoder::new(Us104Key, HandleControl::Ignore);
        Self { codes, keys, is_control_held: [false; 2] }
    }

    /// Takes the next byte from the keyboard and appends what a terminal would send.
    pub fn push(&mut self, code: u8, output: &mut Vec<u8>) {
        let event = match &mut self.codes {
            Codes::First(set) => set.advance_state(code),
            Codes::Second(set) => set.advance_state(code),
        };
        // An unknown code is a key that we have no use for.
        let Ok(Some(event)) = event else { return };
        self.note_control(&event);
        match self.keys.process_keyevent(event) {
            Some(DecodedKey::Unicode(character)) => self.push_character(character, output),
            Some(DecodedKey::RawKey(code)) => output.extend_from_slice(sequence(code)),
            None => {}
        }
    }

    fn note_control(&mut self, event: &KeyEvent) {
        let is_held = event.state == KeyState::Down;
        let [left, right] = &mut self.is_control_held;
        match event.code {
            KeyCode::LControl => *left = is_held,
            KeyCode::RControl => *right = is_held,
            _ => {}
        }
    }

    fn push_character(&self, character: char, output: &mut Vec<u8>) {
        let is_control_held = self.is_control_held.contains(&true);
        match character {
            '\n' => output.push(b'\r'),
            '\u{8}' => output.push(0x7f),
            // ASCII puts Ctrl-A to Ctrl-_ 64 below the capital letters and what follows them.
            '@'..='_' | 'a'..='z' if is_control_held => {
                output.extend(u8::try_from(character).map(|byte| byte & 0x1f))
            }
            '\u{7f}' => output.extend_from_slice(b"\x1b[3~"),
            _ => output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// What a VT220 sends for keys without a character.
fn sequence(code: KeyCode) -> &'static [u8] {
    match code {
        KeyCode::ArrowUp => b"\x1b[A",
        KeyCode::ArrowDown => b"\x1b[B",
        KeyCode::ArrowRight => b"\x1b[C",
        KeyCode::ArrowLeft => b"\x1b[D",
        KeyCode::Home => b"\x1b[1~",
        KeyCode::Insert => b"\x1b[2~",
        KeyCode::Delete => b"\x1b[3~",
        KeyCode::End => b"\x1b[4~",
        KeyCode::PageUp => b"\x1b[5~",
        KeyCode::PageDown => b"\x1b[6~",
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(mut keyboard: Keyboard, codes: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        codes.iter().for_each(|code| keyboard.push(*code, &mut output));
        output
    }

    #[test]
    fn letters_come_in_both_sets() {
        // h, shift+i, Enter: make and break codes.
        let first = [0x23, 0xa3, 0x2a, 0x17, 0x97, 0xaa, 0x1c, 0x9c];
        let second = [0x33, 0xf0, 0x33, 0x12, 0x43, 0xf0, 0x43, 0xf0, 0x12, 0x5a];

        assert_eq!(typed(Keyboard::translated(), &first), b"hI\r");
        assert_eq!(typed(Keyboard::untranslated(), &second), b"hI\r");
    }

    #[test]
    fn control_and_the_right_bracket_are_the_escape_key() {
        assert_eq!(typed(Keyboard::translated(), &[0x1d, 0x1b, 0x9b, 0x9d, 0x1b]), [crate::ESCAPE_KEY, b']']);
        assert_eq!(typed(Keyboard::translated(), &[0x1d, 0x2e]), [3]);
    }

    #[test]
    fn cursor_keys_are_sequences() {
        assert_eq!(typed(Keyboard::translated(), &[0xe0, 0x48, 0xe0, 0xc8, 0x0e]), b"\x1b[A\x7f");
    }

    proptest! {
        #[test]
        fn no_codes_panic(codes in proptest::collection::vec(any::<u8>(), 0..100)) {
            typed(Keyboard::translated(), &codes);
            typed(Keyboard::untranslated(), &codes);
        }
    }
}
