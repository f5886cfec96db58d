//! Where the beam is: computed from the time, so that no timer runs.

use base_units::Nanos;
use spec::vga::{STATUS_BLANKED, STATUS_RETRACE};

/// Time of a line: 31.469 kHz.
const LINE_NS: u64 = 31_778;
/// Part of it that shows nothing.
const LINE_BLANK_NS: u64 = 6_356;
/// Lines of a frame: 70 Hz.
const LINES: u64 = 449;
/// Lines that show something.
const LINES_SHOWN: u64 = 400;
/// A frame.
pub(crate) const FRAME_NS: u64 = LINE_NS * LINES;

/// Input status 1 now. The vertical retrace takes all of the time between two pictures, more than on a real
/// screen, so that a guest that looks seldom sees it too.
pub(super) fn status(now: Nanos) -> u8 {
    let in_frame = now.raw() % FRAME_NS;
    let is_retrace = in_frame / LINE_NS >= LINES_SHOWN;
    let is_blanked = is_retrace || in_frame % LINE_NS >= LINE_NS - LINE_BLANK_NS;
    let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    bit(is_retrace, STATUS_RETRACE) | bit(is_blanked, STATUS_BLANKED)
}
