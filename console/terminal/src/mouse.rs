//! The mouse: packets of a PS/2 mouse, and where they bring the pointer.

/// The first byte of a packet: always set, X and Y are negative, X or Y did not fit.
const FIRST_ALWAYS: u8 = 1 << 3;
const FIRST_LEFT: u8 = 1 << 4;
const FIRST_DOWN: u8 = 1 << 5;
const FIRST_OVERFLOW: u8 = 0b1100_0000;
/// Left, right, middle.
const BUTTONS: u8 = 0b111;

/// How the mouse moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Motion {
    /// To the right.
    pub right: i16,
    /// Down: towards the user.
    pub down: i16,
    /// The wheel, towards the user.
    pub wheel: i16,
    /// Buttons that are down: bit 0 left, 1 right, 2 middle.
    pub buttons: u8,
}

/// The pointer of somebody who looks at a VM's display.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pointer {
    /// Between the left edge of the picture, 0, and the right one, [`Pointer::EDGE`].
    pub x: u16,
    /// Between the upper edge and the lower one, likewise.
    pub y: u16,
    /// How it came there, and its buttons.
    pub motion: Motion,
}

impl Pointer {
    /// The place of the right and the lower edge.
    pub const EDGE: u16 = 0x7FFF;

    /// Moves it over a screen of so many pixels, on which a count of the mouse is a pixel.
    pub(crate) fn moved(self, motion: Motion, (width, height): (u32, u32)) -> Self {
        Self { x: go(self.x, motion.right, width), y: go(self.y, motion.down, height), motion }
    }

    /// Takes in what happened after it. `false` if the two must be told apart: buttons changed.
    pub(crate) fn join(&mut self, later: Self) -> bool {
        if self.motion.buttons != later.motion.buttons {
            return false;
        }
        let sum = |first: i16, second: i16| first.saturating_add(second);
        self.motion.right = sum(self.motion.right, later.motion.right);
        self.motion.down = sum(self.motion.down, later.motion.down);
        self.motion.wheel = sum(self.motion.wheel, later.motion.wheel);
        (self.x, self.y) = (later.x, later.y);
        true
    }
}

fn go(from: u16, counts: i16, pixels: u32) -> u16 {
    let edge = i64::from(Pointer::EDGE);
    let way = i64::from(counts).saturating_mul(edge) / i64::from(pixels.max(1));
    let to = i64::from(from).saturating_add(way).clamp(0, edge);
    u16::try_from(to).unwrap_or(Pointer::EDGE)
}

/// Makes motions of a PS/2 mouse's packets.
#[derive(Clone, Debug, Default)]
pub struct MouseDecoder {
    /// Packets have a fourth byte.
    has_wheel: bool,
    bytes: [u8; 4],
    count: usize,
}

impl MouseDecoder {
    /// For a mouse with or without a wheel.
    pub fn new(has_wheel: bool) -> Self {
        Self { has_wheel, ..Self::default() }
    }

    /// Takes the next byte; the motion that it completes, if it completes one.
    pub fn push(&mut self, byte: u8) -> Option<Motion> {
        // A packet whose beginning was lost is left out.
        if self.count == 0 && byte & FIRST_ALWAYS == 0 {
            return None;
        }
        if let Some(place) = self.bytes.get_mut(self.count) {
            *place = byte;
        }
        self.count += 1;
        if self.count < if self.has_wheel { 4 } else { 3 } {
            return None;
        }
        self.count = 0;
        Some(self.motion())
    }

    fn motion(&self) -> Motion {
        let [first, x, y, wheel] = self.bytes;
        let signed = |low: u8, sign: u8| i16::from(low) - if first & sign != 0 { 256 } else { 0 };
        let is_lost = first & FIRST_OVERFLOW != 0;
        let (right, up) = if is_lost { (0, 0) } else { (signed(x, FIRST_LEFT), signed(y, FIRST_DOWN)) };
        let wheel = if self.has_wheel { i16::from(i8::from_le_bytes([wheel])) } else { 0 };
        Motion { right, down: -up, wheel, buttons: first & BUTTONS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn motions(decoder: &mut MouseDecoder, bytes: &[u8]) -> alloc::vec::Vec<(i16, i16, i16, u8)> {
        let motions = bytes.iter().filter_map(|byte| decoder.push(*byte));
        motions.map(|motion| (motion.right, motion.down, motion.wheel, motion.buttons)).collect()
    }

    #[test]
    fn packets_say_where_the_mouse_went() {
        assert_eq!(
            motions(&mut MouseDecoder::new(false), &[0x08, 5, 3, 0x39, 0xFF, 0xFE]),
            [(5, -3, 0, 0), (-1, 2, 0, 1)]
        );
        assert_eq!(motions(&mut MouseDecoder::new(true), &[0x0A, 0, 0, 0xFF]), [(0, 0, -1, 2)]);
    }

    #[test]
    fn a_packet_without_its_beginning_is_left_out() {
        assert_eq!(motions(&mut MouseDecoder::new(false), &[0x07, 0x00, 0x0C, 1, 1]), [(1, -1, 0, 4)]);
    }

    #[test]
    fn the_pointer_stays_on_the_picture() {
        let screen = (1024, 768);
        let far = Motion { right: 600, down: -5, ..Motion::default() };
        let pointer = Pointer::default().moved(far, screen);
        assert_eq!((pointer.x, pointer.y), (19199, 0));
        let pointer = pointer.moved(far, screen);
        assert_eq!((pointer.x, pointer.y), (Pointer::EDGE, 0));
    }

    #[test]
    fn motions_add_up_until_a_button_changes() {
        let step = Motion { right: 3, down: 1, wheel: 0, buttons: 0 };
        let mut first = Pointer::default().moved(step, (100, 100));
        assert!(first.join(first.moved(step, (100, 100))));
        assert_eq!((first.motion.right, first.motion.down), (6, 2));
        assert!(!first.join(first.moved(Motion { buttons: 1, ..step }, (100, 100))));
    }
}
