//! The kernel's log, read piece by piece.

use alloc::vec::Vec;
use console_terminal::ScrollBack;
use user_rt::Log;

const PIECE_BYTES: usize = 2048;
/// Bytes of the log that `log` shows at the most.
const PAGE_BYTES_MAX: usize = 64 * 1024;

/// A position in the log.
pub(crate) struct LogReader {
    log: Log,
    sequence: u64,
}

impl LogReader {
    /// Starts with the oldest line that there is.
    pub(crate) fn new(log: Log) -> Self {
        Self { log, sequence: 0 }
    }

    /// The log.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Hands everything new to `take`.
    pub(crate) fn read(&mut self, take: impl FnMut(&[u8])) {
        self.sequence = read_from(&self.log, self.sequence, take);
    }

    /// The last `lines` lines.
    pub(crate) fn last_lines(&self, lines: usize) -> Vec<u8> {
        let mut end = ScrollBack::new(PAGE_BYTES_MAX);
        read_from(&self.log, 0, |piece| end.push(piece));
        let (text, _) = end.since(0);
        let breaks = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        // The break behind the last line does not begin another one.
        let start = breaks.map(|(at, _)| at + 1).nth(lines).unwrap_or(0);
        text.get(start..).unwrap_or(&text).to_vec()
    }
}

/// Reads from a position to the end; returns the end.
fn read_from(log: &Log, mut sequence: u64, mut take: impl FnMut(&[u8])) -> u64 {
    let mut piece = [0; PIECE_BYTES];
    while let Ok((text, next)) = log.read(sequence, &mut piece) {
        if text.is_empty() || next <= sequence {
            break;
        }
        take(text);
        sequence = next;
    }
    sequence
}
