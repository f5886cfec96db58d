//! The kernel's words to the outside: serial line and screen.

mod screen;
pub(crate) mod serial;

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};
use spin::Mutex;

static WRITER: Mutex<()> = Mutex::new(());
/// Set by a panic: from then on its processor writes without asking, whoever holds the lock.
static IS_LAST_WORDS: AtomicBool = AtomicBool::new(false);

/// Finds the serial line. The screen follows with [`use_screen`], once the framebuffer can be mapped.
pub(crate) fn set_up() {
    serial::set_up();
}

pub use screen::release_screen;
pub(crate) use screen::use_screen;

/// Writes text to the serial line and the screen.
pub fn print(text: &str) {
    let guard = (!IS_LAST_WORDS.load(Ordering::Relaxed)).then(|| WRITER.lock());
    serial::write(text);
    screen::write(text);
    drop(guard);
}

/// Makes [`print`] go on whatever other processors hold: they are stopped.
pub(crate) fn begin_last_words() {
    IS_LAST_WORDS.store(true, Ordering::Relaxed);
    screen::reclaim();
}

/// Formats straight into [`print`].
pub(crate) struct Printer;

impl Write for Printer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        print(text);
        Ok(())
    }
}

/// Writes one line of the log: `corten: ...`.
pub fn line(words: fmt::Arguments<'_>) {
    let mut text = Line { bytes: [0; LINE_BYTES], length: 0 };
    // What does not fit is cut.
    let _ = writeln!(text, "corten: {words}");
    if let Some(last) = text.bytes.last_mut().filter(|_| text.length == LINE_BYTES) {
        *last = b'\n';
    }
    let text = core::str::from_utf8(text.bytes.get(..text.length).unwrap_or(&[])).unwrap_or("corten: ?\n");
    print(text);
    EARLY.lock().add(text);
}

/// Hands what was printed so far to `keep`: the kernel's log, once there is one.
pub(crate) fn with_early_text(keep: impl FnOnce(&str)) {
    let early = EARLY.lock();
    keep(core::str::from_utf8(early.bytes.get(..early.length).unwrap_or(&[])).unwrap_or(""));
}

/// What was printed before there was a log. More lines than that are printed only.
static EARLY: Mutex<EarlyText> = Mutex::new(EarlyText { bytes: [0; EARLY_BYTES], length: 0 });
/// Bytes of early lines that are kept.
const EARLY_BYTES: usize = 2048;

struct EarlyText {
    bytes: [u8; EARLY_BYTES],
    length: usize,
}

impl EarlyText {
    fn add(&mut self, text: &str) {
        let end = self.length.saturating_add(text.len());
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(text.as_bytes());
            self.length = end;
        }
    }
}

/// Bytes of a line at the most.
const LINE_BYTES: usize = 240;

/// A line in the making, so that lines of several processors do not mix.
struct Line {
    bytes: [u8; LINE_BYTES],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = self.bytes.get_mut(self.length..).unwrap_or(&mut []);
        let taken = text.floor_char_boundary(free.len());
        for (to, from) in free.iter_mut().zip(text.bytes().take(taken)) {
            *to = from;
        }
        self.length += taken;
        Ok(())
    }
}

/// Writes one line of the log.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::log::line(format_args!($($words)*)) };
}
