//! What the GPU shows.

use super::{
    resource::{Rectangle, Resource},
    state::{Cursor, Gpu},
};
use crate::frame::{Frame, Lines, Size};

/// The part of a picture that is shown, and the cursor above it.
struct Shown<'a> {
    picture: &'a Resource,
    rectangle: Rectangle,
    cursor: Option<(&'a Resource, Cursor)>,
}

impl Gpu {
    /// What is shown now, if the guest shows anything.
    pub fn frame(&self) -> Option<Frame<'_>> {
        let scanout = self.scanout?;
        let picture = self.find(scanout.id)?;
        let cursor = self.find(self.cursor.id).map(|picture| (picture, self.cursor));
        let Rectangle { width, height, .. } = scanout.rectangle;
        let shown = Shown { picture, rectangle: scanout.rectangle, cursor };
        Some(Frame::new(Size { width, height }, shown))
    }
}

impl Lines for Shown<'_> {
    fn line(&mut self, y: u32, into: &mut [u32]) {
        let row = self.rectangle.y.saturating_add(y);
        for (to, pixel) in into.iter_mut().zip(self.picture.pixels(self.rectangle.x, row)) {
            *to = pixel & 0x00FF_FFFF;
        }
        let Some((picture, cursor)) = self.cursor else { return };
        // Its upper left corner may lie outside.
        let left = i64::from(cursor.x) - i64::from(cursor.hot_x);
        let top = i64::from(cursor.y) - i64::from(cursor.hot_y);
        let Ok(cursor_row) = u32::try_from(i64::from(y) - top) else { return };
        if cursor_row >= picture.size.height {
            return;
        }
        let hidden = u32::try_from(-left).unwrap_or(0);
        let first = usize::try_from(left).unwrap_or(0);
        for (to, pixel) in into.iter_mut().skip(first).zip(picture.pixels(hidden, cursor_row)) {
            *to = blend(*to, pixel);
        }
    }
}

/// `above` (0xAARRGGBB) over `below`.
fn blend(below: u32, above: u32) -> u32 {
    let [alpha, red, green, blue] = above.to_be_bytes();
    let [_, below_red, below_green, below_blue] = below.to_be_bytes();
    let mix = |above: u8, below: u8| {
        let sum = u32::from(above) * u32::from(alpha) + u32::from(below) * u32::from(255 - alpha);
        (sum / 255) as u8
    };
    u32::from_be_bytes([0, mix(red, below_red), mix(green, below_green), mix(blue, below_blue)])
}
