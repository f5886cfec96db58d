//! Messages between the console and the VMM of a VM with a display, on a channel of their own.
//!
//! The console asks for the picture and says when it has taken a change over; the VMM draws only then, so nothing
//! happens while nobody looks. The picture lies in a memory object of the VMM, which the console copies from without
//! mapping it: line `y` of a picture of `width` pixels begins at `y * width * 4`, each pixel has four bytes, blue first.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// Pixels of a line at the most.
pub const WIDTH_MAX: u32 = 2560;
/// Lines at the most.
pub const HEIGHT_MAX: u32 = 1600;
/// Bands in one report at the most.
pub const BANDS_MAX: usize = 64;
/// Strokes in one request at the most.
pub const STROKES_MAX: usize = 64;
/// Bytes of a request at the most.
pub const REQUEST_BYTES_MAX: usize = 1024;
/// Bytes of a report at the most.
pub const REPORT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of all rows of [`ScreenReport::Text`] at the most; what is below is left out.
pub const TEXT_BYTES_MAX: usize = 12 * 1024;

/// Console to VMM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScreenRequest {
    /// Somebody looks: answered by [`ScreenReport::Opened`] and the whole picture, or [`ScreenReport::Unavailable`].
    Show {
        /// A number of the console's, which comes back in every report.
        look: u32,
    },
    /// The last change was taken over: what has changed since? Answered by [`ScreenReport::Changed`].
    Next,
    /// Nobody looks any more. Not answered.
    Hide,
    /// Keys go down or up, [`STROKES_MAX`] at the most. Not answered.
    Strokes(Vec<KeyStroke>),
    /// The pointer is somewhere else. Not answered.
    Point(PointerMove),
    /// What does the display say? Answered by [`ScreenReport::Text`], whether somebody looks or not.
    Text {
        /// A number of the console's, which comes back in the answer.
        question: u32,
    },
}

/// A key goes down or up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStroke {
    /// Its number on the keyboard page of the USB HID usage tables.
    pub usage: u8,
    /// It goes down, or still is down and repeats.
    pub is_pressed: bool,
}

/// Where a pointer is now, and how it came there: a tablet says the one, a mouse the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointerMove {
    /// Its place between the left edge of the picture, 0, and the right one, [`PointerMove::EDGE`].
    pub x: u16,
    /// Its place between the upper edge and the lower one, likewise.
    pub y: u16,
    /// How far it moved to the right.
    pub right: i16,
    /// How far it moved down.
    pub down: i16,
    /// How far the wheel turned towards the user.
    pub wheel: i16,
    /// Buttons that are down: bit 0 left, 1 right, 2 middle.
    pub buttons: u8,
}

impl PointerMove {
    /// The place of the right and the lower edge.
    pub const EDGE: u16 = 0x7FFF;
}

/// VMM to console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScreenReport {
    /// One handle comes along: the memory of the picture, which the console may read. [`ScreenReport::Changed`] follows.
    Opened {
        /// Of which [`ScreenRequest::Show`].
        look: u32,
    },
    /// There is no memory for a picture.
    Unavailable,
    /// These lines are new. The VMM leaves the memory alone until the next [`ScreenRequest::Next`].
    Changed {
        /// Of which [`ScreenRequest::Show`].
        look: u32,
        /// Pixels of a line, 1 to [`WIDTH_MAX`].
        width: u32,
        /// Lines, 1 to [`HEIGHT_MAX`].
        height: u32,
        /// What changed, [`BANDS_MAX`] at the most; everything if the size did.
        bands: Vec<Band>,
    },
    /// What the display says.
    Text {
        /// The number of [`ScreenRequest::Text`].
        question: u32,
        /// The rows of a text mode, or what else is shown.
        shown: Shown,
    },
}

/// What a display shows, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// Pixels: width and height.
    Pixels(u32, u32),
    /// The rows of a text mode without the spaces at their ends, [`TEXT_BYTES_MAX`] in all.
    Rows(Vec<String>),
}

/// Neighbouring lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// The first of them.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl Band {
    /// Adds a line to bands of a report, whose lines come in ascending order. If there are too many bands, the last
    /// one reaches over lines that did not change.
    pub fn add_line(bands: &mut Vec<Band>, line: u32) {
        let is_full = bands.len() >= BANDS_MAX;
        if let Some(last) = bands.last_mut()
            && (is_full || last.first.saturating_add(last.count) == line)
        {
            last.count = line.saturating_sub(last.first).saturating_add(1);
            return;
        }
        bands.push(Band { first: line, count: 1 });
    }

    /// The lines of it that a picture of this height has.
    pub fn lines(self, height: u32) -> core::ops::Range<u32> {
        let end = self.first.saturating_add(self.count).min(height);
        self.first.min(end)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_hold_every_changed_line_and_stay_few() {
        let mut bands = Vec::new();
        let changed: Vec<u32> = (0..1600).filter(|line| line % 3 != 0 || *line < 6).collect();
        changed.iter().for_each(|line| Band::add_line(&mut bands, *line));

        assert_eq!(bands.first(), Some(&Band { first: 0, count: 6 }));
        assert!(bands.len() <= BANDS_MAX);
        let covered: Vec<u32> = bands.iter().flat_map(|band| band.lines(1600)).collect();
        assert!(changed.iter().all(|line| covered.contains(line)));
        assert!(covered.is_sorted());
    }

    #[test]
    fn a_band_outside_of_the_picture_has_no_lines() {
        assert_eq!(Band { first: 700, count: u32::MAX }.lines(600).count(), 0);
        assert_eq!(Band { first: 590, count: u32::MAX }.lines(600), 590..600);
    }
}
