//! What a display shows at a moment.

use alloc::{boxed::Box, format, vec, vec::Vec};

/// Pixels of a line at the most, whatever a guest asks for.
pub const WIDTH_MAX: u32 = 2560;
/// Lines at the most.
pub const HEIGHT_MAX: u32 = 1600;

/// Width and height in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Size {
    /// Pixels of a line, at most [`WIDTH_MAX`] on every display.
    pub width: u32,
    /// Lines, at most [`HEIGHT_MAX`].
    pub height: u32,
}

/// What a display shows at a moment: its lines are made when they are asked for.
pub struct Frame<'a> {
    size: Size,
    lines: Box<dyn Lines + 'a>,
}

/// Makes the lines of a frame.
pub(crate) trait Lines {
    /// Writes the pixels of line `y` to `into`, which has the frame's width; 0x00RRGGBB.
    fn line(&mut self, y: u32, into: &mut [u32]);
}

impl<'a> Frame<'a> {
    pub(crate) fn new(size: Size, lines: impl Lines + 'a) -> Self {
        Self { size, lines: Box::new(lines) }
    }

    /// Black.
    pub(crate) fn black(size: Size) -> Self {
        Self::new(size, Black)
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Writes the pixels (0x00RRGGBB) of line `y` to `into`; more pixels than the frame has, or lines below it, are
    /// black.
    pub fn line(&mut self, y: u32, into: &mut [u32]) {
        let width = into.len().min(self.size.width as usize);
        let (shown, rest) = into.split_at_mut(width);
        rest.fill(0);
        if y < self.size.height {
            self.lines.line(y, shown);
        } else {
            shown.fill(0);
        }
    }
}

impl Frame<'_> {
    /// The frame as a portable pixmap (PPM, "P6"), for screenshots.
    pub fn to_pixmap(&mut self) -> Vec<u8> {
        let Size { width, height } = self.size;
        let mut bytes = format!("P6\n{width} {height}\n255\n").into_bytes();
        let mut line = vec![0; width as usize];
        for y in 0..height {
            self.line(y, &mut line);
            for pixel in &line {
                let [_, red, green, blue] = pixel.to_be_bytes();
                bytes.extend([red, green, blue]);
            }
        }
        bytes
    }
}

/// Nothing is shown.
struct Black;

impl Lines for Black {
    fn line(&mut self, _y: u32, into: &mut [u32]) {
        into.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Steps;

    impl Lines for Steps {
        fn line(&mut self, y: u32, into: &mut [u32]) {
            into.iter_mut().zip(y..).for_each(|(pixel, value)| *pixel = value);
        }
    }

    #[test]
    fn outside_of_the_frame_everything_is_black() {
        let mut frame = Frame::new(Size { width: 2, height: 2 }, Steps);
        let mut line = [9; 3];

        frame.line(1, &mut line);
        assert_eq!(line, [1, 2, 0]);
        frame.line(2, &mut line);
        assert_eq!(line, [0; 3]);
    }

    #[test]
    fn a_pixmap_has_a_header_and_three_bytes_a_pixel() {
        let mut frame = Frame::new(Size { width: 2, height: 1 }, Steps);

        assert_eq!(frame.to_pixmap(), b"P6\n2 1\n255\n\0\0\0\0\0\x01");
    }
}
