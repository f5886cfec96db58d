//! One terminal with somebody at it.

use crate::{KeyDecoder, LineEditor, ScrollBack};
use alloc::vec::Vec;
use management_protocol::VmLine;

/// Bytes typed ahead while an answer is awaited.
const TYPE_AHEAD_MAX: usize = 256;
/// Bytes of the log kept while a VM's line is looked at.
const MISSED_LOG_BYTES: usize = 8 * 1024;

/// What a session looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum View {
    /// The monitor.
    Monitor,
    /// The serial line of this VM.
    Vm(usize),
    /// The display of this VM; only the screen can.
    Screen(usize),
}

/// A terminal: the machine's serial line, or its screen and keyboard.
pub struct Session {
    pub(crate) view: View,
    /// What Ctrl-] goes to from the monitor.
    pub(crate) previous: Option<View>,
    /// The monitor is only there because the VM ended: its next start brings it back.
    pub(crate) is_fallback: bool,
    /// The machine goes down: no prompt invites to anything any more.
    pub(crate) is_closing: bool,
    /// The question whose answer must come before the next prompt.
    pub(crate) waiting: Option<u32>,
    /// The lines of an answer that comes in parts.
    pub(crate) parts: Vec<VmLine>,
    pub(crate) type_ahead: Vec<u8>,
    pub(crate) decoder: KeyDecoder,
    pub(crate) editor: LineEditor,
    missed_log: ScrollBack,
    output: Vec<u8>,
}

impl Session {
    pub(crate) fn new(view: View, previous: Option<View>) -> Self {
        Self {
            view,
            previous,
            is_fallback: false,
            is_closing: false,
            waiting: None,
            parts: Vec::new(),
            type_ahead: Vec::new(),
            decoder: KeyDecoder::default(),
            editor: LineEditor::default(),
            missed_log: ScrollBack::new(MISSED_LOG_BYTES),
            output: Vec::new(),
        }
    }

    /// Takes what the terminal shall be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.output)
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Sends a line of text.
    pub(crate) fn line(&mut self, text: &str) {
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    /// Shows the prompt, unless an answer or the end is still to come.
    pub(crate) fn prompt(&mut self) {
        if self.view == View::Monitor && self.waiting.is_none() && !self.is_closing {
            self.editor.show(&mut self.output);
        }
    }

    /// Runs the line editor with its output going to the terminal.
    pub(crate) fn edit(&mut self, key: crate::Key, names: &[&str]) -> crate::Outcome {
        self.editor.key(key, names, &mut self.output)
    }

    /// Shows whole lines of the log above the prompt.
    pub(crate) fn show_log(&mut self, text: &[u8]) {
        if self.view == View::Monitor && self.waiting.is_none() {
            self.editor.hide(&mut self.output);
        }
        self.text(text);
        self.prompt();
    }

    /// Keeps the log for later.
    pub(crate) fn miss_log(&mut self, text: &[u8]) {
        self.missed_log.push(text);
    }

    /// Shows what was kept.
    pub(crate) fn show_missed_log(&mut self) {
        let (text, lost) = self.missed_log.since(0);
        self.missed_log = ScrollBack::new(MISSED_LOG_BYTES);
        if lost > 0 {
            self.line("[older lines: type log]");
        }
        // After a loss the first line may be torn.
        let start =
            if lost > 0 { text.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1) } else { 0 };
        self.text(text.get(start..).unwrap_or(&[]));
    }

    /// Keeps a byte that was typed too early; too many are dropped.
    pub(crate) fn keep_for_later(&mut self, byte: u8) {
        if self.type_ahead.len() < TYPE_AHEAD_MAX {
            self.type_ahead.push(byte);
        }
    }

    /// Sends text whose lines end with a line feed alone.
    pub(crate) fn text(&mut self, text: &[u8]) {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => {
                    self.raw(line);
                    self.raw(b"\r\n");
                }
                None => self.raw(line),
            }
        }
    }
}
