//! Lines in the kernel's log.

use crate::object::{LOG_LINE_BYTES_MAX, write_log_line};
use core::fmt::{Arguments, Write};

/// Bytes of a formatted line; longer ones are cut. Small, for it lies on the stack.
const BUFFER_BYTES: usize = 512;
const _: () = assert!(BUFFER_BYTES <= LOG_LINE_BYTES_MAX);

/// Writes a formatted line to the kernel's log.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => {
        $crate::log_line(::core::format_args!($($argument)*))
    };
}

/// Writes a line to the kernel's log: what [`log!`] expands to.
pub fn log_line(line: Arguments<'_>) {
    let mut buffer = LineBuffer { bytes: [0; BUFFER_BYTES], used: 0 };
    // The buffer takes everything, so only a broken `Display` can fail; what it wrote still counts.
    let _ = buffer.write_fmt(line);
    // There is nobody to tell that the log refused.
    let _ = write_log_line(buffer.text());
}

/// Collects text; drops what does not fit.
struct LineBuffer {
    bytes: [u8; BUFFER_BYTES],
    used: usize,
}

impl LineBuffer {
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or(&self.bytes)
    }
}

impl Write for LineBuffer {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.get_mut(self.used..).unwrap_or_default();
        let length = text.len().min(room.len());
        for (target, source) in room.iter_mut().zip(text.bytes()) {
            *target = source;
        }
        self.used += length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_and_not_refused() {
        let mut buffer = LineBuffer { bytes: [0; BUFFER_BYTES], used: 0 };

        for _ in 0..100 {
            assert!(write!(buffer, "0123456789").is_ok());
        }

        assert_eq!(buffer.text().len(), BUFFER_BYTES);
        assert!(buffer.text().starts_with(b"01234567890123"));
    }
}
