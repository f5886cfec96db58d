//! The line editor of the monitor.

use crate::{Key, completion::complete, history::History};
use alloc::{string::String, vec::Vec};

/// Bytes in a line at the most; with the prompt it fits a terminal of 80 columns, so that no line ever wraps.
pub const LINE_BYTES_MAX: usize = 70;
const PROMPT: &str = "corten> ";
const BELL: u8 = 7;

/// What a key led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The line changed or not; nothing to do.
    Editing,
    /// A line is finished.
    Line(String),
    /// Ctrl-C: the line is given up.
    Cancelled,
    /// Ctrl-].
    Escape,
}

/// A line being typed at a terminal. Everything it writes is meant for a VT100.
#[derive(Clone, Debug, Default)]
pub struct LineEditor {
    /// ASCII only.
    line: String,
    /// Byte before which the cursor stands; at most `line.len()`.
    cursor: usize,
    history: History,
}

impl LineEditor {
    /// Whether nothing is being typed.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Takes a key. What the terminal must show is appended to `output`. `names` are the VMs.
    pub fn key(&mut self, key: Key, names: &[&str], output: &mut Vec<u8>) -> Outcome {
        match key {
            Key::Enter => return self.finish(output),
            Key::Escape => return Outcome::Escape,
            Key::Cancel => {
                self.clear();
                output.extend_from_slice(b"^C\r\n");
                return Outcome::Cancelled;
            }
            Key::Tab => self.complete(names, output),
            Key::Character(byte) => self.insert(byte, output),
            Key::Redraw => {
                output.extend_from_slice(b"\x1b[2J\x1b[H");
                self.show(output);
            }
            Key::Up => {
                let older = self.history.older(&self.line).map(String::from);
                self.replace(older, output);
            }
            Key::Down => {
                let newer = self.history.newer().map(String::from);
                self.replace(newer, output);
            }
            _ => {
                self.edit(key);
                self.show(output);
            }
        }
        Outcome::Editing
    }

    /// Writes prompt and line, wherever the cursor of the terminal stands on its line.
    pub fn show(&self, output: &mut Vec<u8>) {
        self.hide(output);
        output.extend_from_slice(PROMPT.as_bytes());
        output.extend_from_slice(self.line.as_bytes());
        let behind = self.line.len().saturating_sub(self.cursor);
        if behind > 0 {
            output.extend_from_slice(alloc::format!("\x1b[{behind}D").as_bytes());
        }
    }

    /// Clears the terminal's line, so that something else can be written there.
    pub fn hide(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(b"\r\x1b[K");
    }

    fn finish(&mut self, output: &mut Vec<u8>) -> Outcome {
        output.extend_from_slice(b"\r\n");
        let line = core::mem::take(&mut self.line);
        self.cursor = 0;
        self.history.keep(line.trim());
        Outcome::Line(line)
    }

    fn clear(&mut self) {
        self.line.clear();
        self.cursor = 0;
    }

    fn insert(&mut self, byte: u8, output: &mut Vec<u8>) {
        if self.line.len() >= LINE_BYTES_MAX {
            output.push(BELL);
            return;
        }
        self.line.insert(self.cursor, char::from(byte));
        self.cursor += 1;
        if self.cursor == self.line.len() {
            output.push(byte);
        } else {
            self.show(output);
        }
    }

    fn edit(&mut self, key: Key) {
        match key {
            Key::Left => self.cursor = self.cursor.saturating_sub(1),
            Key::Right => self.cursor = (self.cursor + 1).min(self.line.len()),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.line.len(),
            Key::Backspace => self.cut(self.cursor.saturating_sub(1), self.cursor),
            Key::Delete => self.cut(self.cursor, (self.cursor + 1).min(self.line.len())),
            Key::CutToEnd => self.line.truncate(self.cursor),
            Key::CutToStart => self.cut(0, self.cursor),
            Key::CutWord => self.cut(self.word_start(), self.cursor),
            _ => {}
        }
    }

    /// Takes the bytes from `start` to `end` out; the cursor ends at `start`.
    fn cut(&mut self, start: usize, end: usize) {
        self.line.replace_range(start..end, "");
        self.cursor = start;
    }

    fn word_start(&self) -> usize {
        let before = self.line.get(..self.cursor).unwrap_or("").trim_end();
        before.rfind(' ').map_or(0, |space| space + 1)
    }

    fn replace(&mut self, line: Option<String>, output: &mut Vec<u8>) {
        let Some(line) = line else {
            output.push(BELL);
            return;
        };
        self.cursor = line.len();
        self.line = line;
        self.show(output);
    }

    fn complete(&mut self, names: &[&str], output: &mut Vec<u8>) {
        let before = self.line.get(..self.cursor).unwrap_or("");
        let completion = complete(before, names);
        if completion.addition.is_empty() && completion.choices.len() > 1 {
            output.extend_from_slice(b"\r\n");
            output.extend_from_slice(completion.choices.join("  ").as_bytes());
            output.extend_from_slice(b"\r\n");
            self.show(output);
        }
        if completion.choices.is_empty() {
            output.push(BELL);
        }
        for byte in completion.addition.bytes() {
            self.insert(byte, output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyDecoder, Terminal};
    use proptest::prelude::*;

    /// Types at a terminal of our own: what stands on its line, and the finished lines.
    fn typed(bytes: &[u8]) -> (String, Vec<String>) {
        let (mut editor, mut decoder) = (LineEditor::default(), KeyDecoder::default());
        let (mut output, mut lines) = (Vec::new(), Vec::new());
        editor.show(&mut output);
        for byte in bytes {
            let Some(key) = decoder.push(*byte) else { continue };
            if let Outcome::Line(line) = editor.key(key, &["demo", "database"], &mut output) {
                lines.push(line);
                editor.show(&mut output);
            }
        }
        let mut terminal = Terminal::new(80, 25);
        terminal.write(&output);
        (terminal.grid().row_text(terminal.grid().cursor().row), lines)
    }

    #[test]
    fn what_is_typed_is_shown_and_edited() {
        assert_eq!(typed(b"vmx\x7fs").0, "corten> vms");
        assert_eq!(typed(b"stp demo\x01\x1b[C\x1b[Co\x05!").0, "corten> stop demo!");
        assert_eq!(typed(b"stop demo\x17x").0, "corten> stop x");
        assert_eq!(typed(b"stop demo\x15x").0, "corten> x");
        assert_eq!(typed(b"help\x02\x02\x0b").0, "corten> he");
    }

    #[test]
    fn a_finished_line_comes_out_and_can_be_brought_back() {
        let (shown, lines) = typed(b"vms\rlog\r\x1b[A\x1b[A");

        assert_eq!(lines, ["vms", "log"]);
        assert_eq!(shown, "corten> vms");
    }

    #[test]
    fn tab_completes_commands_and_names() {
        assert_eq!(typed(b"con\t").0, "corten> console");
        assert_eq!(typed(b"start de\tx").0, "corten> start demo x");
        assert_eq!(typed(b"start d\tem\t").0, "corten> start demo");
    }

    #[test]
    fn no_line_wraps() {
        assert_eq!(typed(&[b'x'; 500]).0.len(), PROMPT.len() + LINE_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn the_cursor_stays_in_the_line(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (shown, lines) = typed(&bytes);
            prop_assert!(shown.len() <= 80);
            prop_assert!(lines.iter().all(|line| line.len() <= LINE_BYTES_MAX && line.is_ascii()));
        }
    }
}
