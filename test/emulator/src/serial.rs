//! What a machine has printed so far, shared between the thread that reads it and those who wait.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes kept of what a machine prints; a machine that prints more has run wild.
const OUTPUT_BYTES_MAX: usize = 64 << 20;

/// The output of one machine.
#[derive(Clone, Default)]
pub(crate) struct Output(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// The machine is off; nothing more will come.
    has_ended: bool,
}

/// How a wait for a text ended.
pub(crate) enum Found {
    /// The text ends at this offset.
    At(usize),
    /// A fatal text stands at this offset.
    Fatal(usize),
    /// The machine went off.
    Ended,
    /// Time is up.
    TimedOut,
}

impl Output {
    /// Reads `source` to its end in a thread of its own, into `log` as well.
    pub(crate) fn collect(&self, mut source: impl Read + Send + 'static, mut log: File) -> JoinHandle<()> {
        let output = self.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = source.read(&mut piece) {
                // A full disk loses the log, not the test.
                let _ = log.write_all(&piece[..count]);
                output.append(&piece[..count]);
            }
            output.state().has_ended = true;
            output.0.1.notify_all();
        })
    }

    fn append(&self, bytes: &[u8]) {
        let mut state = self.state();
        let room = OUTPUT_BYTES_MAX.saturating_sub(state.bytes.len());
        state.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.0.1.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one of `patterns` stands at or after offset `from`, or one of `fatal` stands anywhere.
    pub(crate) fn wait_for_any(
        &self,
        patterns: &[&str],
        from: usize,
        fatal: &[String],
        limit: Duration,
    ) -> Found {
        let deadline = Instant::now() + limit;
        let mut state = self.state();
        loop {
            let ends = |pattern: &&str| Some(find(&state.bytes, pattern, from)? + pattern.len());
            if let Some(end) = patterns.iter().filter_map(ends).min() {
                return Found::At(end);
            }
            if let Some(at) = fatal.iter().find_map(|text| find(&state.bytes, text, 0)) {
                return Found::Fatal(at);
            }
            if state.has_ended {
                return Found::Ended;
            }
            let now = Instant::now();
            if now >= deadline {
                return Found::TimedOut;
            }
            let waited = self.0.1.wait_timeout(state, deadline - now);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Where the first of these texts stands at or after offset `from`.
    pub(crate) fn find_any(&self, texts: &[String], from: usize) -> Option<usize> {
        let state = self.state();
        texts.iter().find_map(|text| find(&state.bytes, text, from))
    }

    /// What was printed from offset `from` to offset `to`.
    pub(crate) fn text(&self, from: usize, to: usize) -> String {
        let state = self.state();
        let to = to.min(state.bytes.len());
        String::from_utf8_lossy(&state.bytes[from.min(to)..to]).replace('\r', "")
    }

    /// The line around offset `at`, as far as it has been printed.
    pub(crate) fn line_at(&self, at: usize) -> String {
        let state = self.state();
        let start = state.bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |before| before + 1);
        let length =
            state.bytes[at..].iter().position(|&byte| byte == b'\n').unwrap_or(state.bytes.len() - at);
        String::from_utf8_lossy(&state.bytes[start..at + length]).trim().into()
    }

    /// The last `count` lines.
    pub(crate) fn tail(&self, count: usize) -> String {
        let text = self.text(0, usize::MAX);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..].iter().map(|line| format!("    | {line}\n")).collect()
    }
}

fn find(bytes: &[u8], pattern: &str, from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(pattern.len().max(1)).position(|window| window == pattern.as_bytes()).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> Output {
        let output = Output::default();
        output.append(text.as_bytes());
        output
    }

    #[test]
    fn a_text_is_found_only_after_the_place_that_was_read_already() {
        let output = printed("one two one\n");
        let wait = |from| output.wait_for_any(&["one"], from, &[], Duration::ZERO);
        assert!(matches!(wait(0), Found::At(3)));
        assert!(matches!(wait(3), Found::At(11)));
        assert!(matches!(wait(11), Found::TimedOut));
    }

    #[test]
    fn of_several_texts_the_first_in_the_output_counts() {
        let output = printed("it fails, it holds\n");
        let found = output.wait_for_any(&["holds", "fails"], 0, &[], Duration::ZERO);
        assert!(matches!(found, Found::At(8)));
    }

    #[test]
    fn a_fatal_text_ends_the_wait() {
        let output = printed("fine\nkernel panic: no\n");
        let found = output.wait_for_any(&["prompt"], 0, &["kernel panic".into()], Duration::from_secs(9));
        let Found::Fatal(at) = found else { panic!("not fatal") };
        assert_eq!(output.line_at(at), "kernel panic: no");
    }
}
