//! A VM's picture on the screen.

use crate::Canvas;
use alloc::{vec, vec::Vec};

const PIXEL_BYTES: usize = 4;
/// Sides of a picture at the most; a VMM that claims more is not believed.
const SIDE_MAX: usize = 8192;

/// Puts the lines of a picture on a screen of pixels: in its middle if there is room, else made smaller.
pub struct PictureScreen {
    /// Width and height of the screen.
    width: usize,
    height: usize,
    stride_bytes: usize,
    offset_bytes: usize,
    picture: Placement,
    line: Vec<u8>,
}

/// Where the picture goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Placement {
    /// Size of the picture.
    source: (usize, usize),
    /// The part of the screen that shows it: corner and size.
    corner: (usize, usize),
    shown: (usize, usize),
}

impl PictureScreen {
    /// The screen that the message describes, if it has pixels.
    pub fn new(screen: &management_protocol::Screen) -> Option<Self> {
        let width = usize::try_from(screen.width).ok().filter(|width| (1..=SIDE_MAX).contains(width))?;
        let height = usize::try_from(screen.height).ok().filter(|height| (1..=SIDE_MAX).contains(height))?;
        let stride_bytes = usize::try_from(screen.stride_bytes).ok()?;
        let offset_bytes = usize::try_from(screen.offset_bytes).ok()?;
        let is_right = screen.bits == 32 && stride_bytes >= width * PIXEL_BYTES;
        is_right.then(|| Self {
            width,
            height,
            stride_bytes,
            offset_bytes,
            picture: Placement::default(),
            line: vec![0; width * PIXEL_BYTES],
        })
    }

    /// Makes all of the screen black and forgets the picture's size.
    pub fn clear(&mut self, canvas: &mut impl Canvas) {
        self.picture = Placement::default();
        self.line.fill(0);
        for y in 0..self.height {
            canvas.write(self.offset_bytes.saturating_add(y.saturating_mul(self.stride_bytes)), &self.line);
        }
    }

    /// Says the size of the picture whose lines come. `false` if there is no such picture.
    pub fn set_size(&mut self, width: u32, height: u32, canvas: &mut impl Canvas) -> bool {
        let (Ok(width), Ok(height)) = (usize::try_from(width), usize::try_from(height)) else { return false };
        if !(1..=SIDE_MAX).contains(&width) || !(1..=SIDE_MAX).contains(&height) {
            return false;
        }
        if self.picture.source != (width, height) {
            self.clear(canvas);
            self.picture = self.place(width, height);
        }
        true
    }

    /// Shows line `y` of the picture: four bytes a pixel, blue first.
    pub fn draw_line(&mut self, y: usize, pixels: &[u8], canvas: &mut impl Canvas) {
        let Placement { source: (width, height), corner: (left, top), shown: (shown_width, shown_height) } =
            self.picture;
        if y >= height {
            return;
        }
        // The screen's lines that show it: none or one if the picture is made smaller.
        let first = (y * shown_height).div_ceil(height);
        if first >= shown_height || first * height / shown_height != y {
            return;
        }
        let at = self.offset_bytes + (top + first) * self.stride_bytes + left * PIXEL_BYTES;
        if shown_width == width {
            let bytes = pixels.len().min(width * PIXEL_BYTES);
            canvas.write(at, pixels.get(..bytes).unwrap_or_default());
            return;
        }
        let (from, _) = pixels.as_chunks::<PIXEL_BYTES>();
        let (to, _) = self.line.as_chunks_mut::<PIXEL_BYTES>();
        for (x, to) in to.iter_mut().take(shown_width).enumerate() {
            *to = from.get(x * width / shown_width).copied().unwrap_or_default();
        }
        canvas.write(at, self.line.get(..shown_width * PIXEL_BYTES).unwrap_or_default());
    }

    /// The largest size that fits and has the picture's shape.
    fn place(&self, width: usize, height: usize) -> Placement {
        let fits = width <= self.width && height <= self.height;
        let is_wide = width * self.height >= height * self.width;
        let shown = match (fits, is_wide) {
            (true, _) => (width, height),
            (false, true) => (self.width, (height * self.width / width).max(1)),
            (false, false) => ((width * self.height / height).max(1), self.height),
        };
        let corner = ((self.width - shown.0) / 2, (self.height - shown.1) / 2);
        Placement { source: (width, height), corner, shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Memory(Vec<u8>);

    impl Canvas for Memory {
        fn write(&mut self, offset: usize, bytes: &[u8]) {
            self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
    }

    fn screen(width: u32, height: u32) -> (PictureScreen, Memory) {
        let description = management_protocol::Screen {
            width,
            height,
            stride_bytes: width * 4 + 8,
            bits: 32,
            offset_bytes: 16,
        };
        let bytes = 16 + (width as usize * 4 + 8) * height as usize;
        (PictureScreen::new(&description).expect("it has pixels"), Memory(vec![0x55; bytes]))
    }

    fn pixel(memory: &Memory, width: usize, x: usize, y: usize) -> u32 {
        let at = 16 + y * (width * 4 + 8) + x * 4;
        u32::from_le_bytes(memory.0[at..at + 4].try_into().expect("four bytes"))
    }

    fn draw(screen: &mut PictureScreen, memory: &mut Memory, width: u32, height: u32) {
        assert!(screen.set_size(width, height, memory));
        for y in 0..height {
            let line: Vec<u8> = (0..width).flat_map(|x| (y << 16 | x | 1 << 31).to_le_bytes()).collect();
            screen.draw_line(y as usize, &line, memory);
        }
    }

    #[test]
    fn a_small_picture_is_shown_in_the_middle_with_black_around() {
        let (mut screen, mut memory) = screen(10, 8);

        draw(&mut screen, &mut memory, 4, 2);

        for y in 0..8usize {
            for x in 0..10usize {
                let is_inside = (3..7).contains(&x) && (3..5).contains(&y);
                let expected = if is_inside { ((y - 3) << 16 | (x - 3) | 1 << 31) as u32 } else { 0 };
                assert_eq!(pixel(&memory, 10, x, y), expected, "{x} {y}");
            }
        }
    }

    #[test]
    fn a_large_picture_is_made_smaller_and_keeps_its_shape() {
        let (mut screen, mut memory) = screen(10, 10);

        draw(&mut screen, &mut memory, 40, 20);

        assert_eq!(pixel(&memory, 10, 0, 1), 0);
        assert_eq!(pixel(&memory, 10, 0, 2), 1 << 31);
        assert_eq!(pixel(&memory, 10, 9, 6), 16 << 16 | 36 | 1 << 31);
        assert_eq!(pixel(&memory, 10, 9, 7), 0);
    }

    #[test]
    fn impossible_pictures_are_refused() {
        let (mut screen, mut memory) = screen(10, 10);

        assert!(!screen.set_size(0, 5, &mut memory) && !screen.set_size(5, u32::MAX, &mut memory));
        let text = management_protocol::Screen {
            width: 80,
            height: 25,
            stride_bytes: 160,
            bits: 16,
            offset_bytes: 0,
        };
        assert!(PictureScreen::new(&text).is_none());
    }

    proptest! {
        #[test]
        fn no_picture_is_drawn_outside_of_the_screen_and_every_line_of_its_place_is(
            sides in (1u32..60, 1u32..60, 1u32..60, 1u32..60),
        ) {
            let (width, height, picture_width, picture_height) = sides;
            let (mut screen, mut memory) = screen(width, height);
            draw(&mut screen, &mut memory, picture_width, picture_height);
            let Placement { corner: (left, top), shown, .. } = screen.picture;
            for y in 0..height as usize {
                for x in 0..width as usize {
                    let inside = (left..left + shown.0).contains(&x) && (top..top + shown.1).contains(&y);
                    prop_assert_eq!(pixel(&memory, width as usize, x, y) >> 31 == 1, inside, "{} {}", x, y);
                }
            }
        }
    }
}
