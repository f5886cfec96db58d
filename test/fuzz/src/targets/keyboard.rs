//! Scan codes of a PS/2 keyboard, to terminal bytes, to keys, to a line.

use console_terminal::{KeyDecoder, Keyboard, LINE_BYTES_MAX, LineEditor, Outcome};

/// Bytes that a key sends at the most.
const KEY_BYTES_MAX: usize = 8;

/// Types the scan codes behind the first byte, which chooses the scan code set.
pub fn run(data: &[u8]) {
    let Some((choice, codes)) = data.split_first() else { return };
    let mut keyboard = if choice & 1 == 0 { Keyboard::translated() } else { Keyboard::untranslated() };
    let mut decoder = KeyDecoder::default();
    let mut editor = LineEditor::default();
    let mut shown = Vec::new();
    for code in codes {
        let mut typed = Vec::new();
        keyboard.push(*code, &mut typed);
        assert!(typed.len() <= KEY_BYTES_MAX, "a key that types a novel");
        for byte in typed {
            let Some(key) = decoder.push(byte) else { continue };
            if let Outcome::Line(line) = editor.key(key, &["demo", "dummy"], &mut shown) {
                check_line(&line);
                assert!(editor.is_empty(), "the next line is not empty");
            }
        }
    }
}

/// What the editor promises of a line.
pub(crate) fn check_line(line: &str) {
    assert!(line.len() <= LINE_BYTES_MAX, "a line too long");
    assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "a line that is no text: {line:?}");
}
