//! The kernel's log: a ring of text that the console reads, copied to serial line and screen
//! until the console takes that over.

use crate::ipc::Observers;
use crate::lock::Lock;
use crate::machine::Machine;
use abi::Signals;
use alloc::boxed::Box;
use alloc::vec;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Bytes of text that are kept.
pub const LOG_BYTES: usize = 32 * 1024;
/// Bytes of one line at the most.
pub const LINE_BYTES_MAX: usize = 1024;

/// The log.
pub struct Log<M: Machine> {
    ring: Lock<Ring>,
    observers: Observers<M>,
    echoes: AtomicBool,
}

struct Ring {
    text: Box<[u8]>,
    /// Bytes ever written; the ring holds the last [`LOG_BYTES`] of them.
    end: u64,
}

impl<M: Machine> Log<M> {
    /// An empty log that is copied to serial line and screen.
    pub fn new() -> Self {
        Self { ring: Lock::new(Ring::new()), observers: Observers::new(), echoes: AtomicBool::new(true) }
    }

    /// Who waits for new text.
    pub fn observers(&self) -> &Observers<M> {
        &self.observers
    }

    /// Whether the kernel prints what is logged.
    pub fn set_echo(&self, echoes: bool) {
        self.echoes.store(echoes, Relaxed);
    }

    /// Adds a line: `who: text`. Control characters become dots, so that no program can fool a terminal.
    pub fn write(&self, who: &str, text: fmt::Arguments<'_>) {
        let mut line = Line { bytes: [0; LINE_BYTES_MAX], length: 0 };
        // A line that is too long is cut; that is the only error there is.
        let _ = write!(line, "{who}: {text}");
        line.end();
        self.ring.lock().add(line.as_bytes());
        if self.echoes.load(Relaxed) {
            M::print(line.as_str());
        }
        self.observers.notify(Signals::READABLE);
    }

    /// Adds text that was printed before there was a log.
    pub fn adopt(&self, text: &str) {
        self.ring.lock().add(text.as_bytes());
    }

    /// Copies text from position `from` on; returns the bytes copied and the position after them. A
    /// position that is no longer kept means the oldest one.
    pub fn read(&self, from: u64, buffer: &mut [u8]) -> (usize, u64) {
        self.ring.lock().read(from, buffer)
    }
}

impl<M: Machine> Default for Log<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl Ring {
    fn new() -> Self {
        Self { text: vec![0; LOG_BYTES].into_boxed_slice(), end: 0 }
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.text.get_mut(self.end as usize % LOG_BYTES) {
                *place = *byte;
            }
            self.end += 1;
        }
    }

    fn read(&self, from: u64, buffer: &mut [u8]) -> (usize, u64) {
        let oldest = self.end.saturating_sub(LOG_BYTES as u64);
        let mut at = from.clamp(oldest, self.end);
        let mut copied = 0;
        for (place, position) in buffer.iter_mut().zip(at..self.end) {
            *place = self.text.get(position as usize % LOG_BYTES).copied().unwrap_or(b'?');
            copied += 1;
            at = position + 1;
        }
        (copied, at)
    }
}

struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    length: usize,
}

impl Line {
    /// Closes the line; the last byte is kept free for this.
    fn end(&mut self) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = b'\n';
            self.length += 1;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("(a line that is no text)\n")
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let shown = if character.is_control() { '.' } else { character };
            let mut encoded = [0; 4];
            let encoded = shown.encode_utf8(&mut encoded).as_bytes();
            let end = self.length + encoded.len();
            if end >= LINE_BYTES_MAX {
                return Err(fmt::Error);
            }
            if let Some(place) = self.bytes.get_mut(self.length..end) {
                place.copy_from_slice(encoded);
            }
            self.length = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_text_is_overwritten_and_a_reader_that_is_late_gets_the_oldest_kept() {
        let mut ring = Ring::new();
        for number in 0..LOG_BYTES {
            ring.add(&[number as u8]);
        }
        ring.add(b"xyz");

        let mut buffer = [0; 2];
        assert_eq!(ring.read(0, &mut buffer), (2, 5));
        assert_eq!(buffer, [3, 4]);
        let mut buffer = [0; 10];
        assert_eq!(ring.read(LOG_BYTES as u64, &mut buffer), (3, LOG_BYTES as u64 + 3));
        assert_eq!(buffer.get(..3), Some(b"xyz".as_slice()));
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let mut line = Line { bytes: [0; LINE_BYTES_MAX], length: 0 };

        write!(line, "a\x1b[2J\nb").unwrap();
        line.end();

        assert_eq!(line.as_str(), "a.[2J.b\n");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_at_a_character() {
        let mut line = Line { bytes: [0; LINE_BYTES_MAX], length: 0 };

        for _ in 0..LINE_BYTES_MAX {
            let _ = line.write_str("é");
        }
        line.end();

        assert!(line.as_str().ends_with("é\n"));
    }
}
