//! Keys as such: which one goes down or up, for guests that have a keyboard of their own.

/// Left and right Control, as [`Stroke::usage`].
const CONTROL: [u8; 2] = [0xE0, 0xE4];
/// The right bracket.
const RIGHT_BRACKET: u8 = 0x30;
/// The key whose codes are a sequence.
const PAUSE: u8 = 0x48;
/// Keys that are held at the same time at the most; no keyboard knows more.
const HELD_MAX: usize = 16;

/// A key goes down or up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stroke {
    /// Its number on the keyboard page of the USB HID usage tables.
    pub usage: u8,
    /// It goes down, or still is down and repeats.
    pub is_pressed: bool,
}

/// Codes that went before the one that says the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Prefix {
    #[default]
    None,
    /// 0xE0.
    Extended,
    /// 0xE1, and how many codes are still to come.
    Pause(u8),
}

/// Makes strokes of an i8042's scan codes (set 1).
#[derive(Clone, Debug, Default)]
pub struct StrokeDecoder {
    prefix: Prefix,
}

impl StrokeDecoder {
    /// Takes the next code; the stroke that it completes, if it completes one.
    pub fn push(&mut self, code: u8) -> Option<Stroke> {
        let is_pressed = code & 0x80 == 0;
        let key = code & 0x7F;
        let usage = match (core::mem::take(&mut self.prefix), code) {
            (Prefix::None, 0xE0) => {
                self.prefix = Prefix::Extended;
                return None;
            }
            (Prefix::None, 0xE1) => {
                self.prefix = Prefix::Pause(1);
                return None;
            }
            (Prefix::Pause(left), _) if left > 0 => {
                self.prefix = Prefix::Pause(left - 1);
                return None;
            }
            (Prefix::Pause(_), _) => PAUSE,
            (Prefix::Extended, _) => extended(key)?,
            (Prefix::None, _) => plain(key)?,
        };
        Some(Stroke { usage, is_pressed })
    }
}

/// The keys that a guest was told of and that are down: it must learn that they go up.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldKeys {
    usages: alloc::vec::Vec<u8>,
}

impl HeldKeys {
    /// Takes in a stroke; `false` if the guest need not know of it: a key goes up that went down elsewhere.
    pub(crate) fn note(&mut self, stroke: Stroke) -> bool {
        let place = self.usages.iter().position(|usage| *usage == stroke.usage);
        match (place, stroke.is_pressed) {
            (Some(_), true) => true,
            (Some(place), false) => {
                self.usages.remove(place);
                true
            }
            (None, true) if self.usages.len() < HELD_MAX => {
                self.usages.push(stroke.usage);
                true
            }
            (None, _) => false,
        }
    }

    /// Whether this stroke asks for the monitor: Ctrl-].
    pub(crate) fn is_escape(&self, stroke: Stroke) -> bool {
        let has_control = CONTROL.iter().any(|control| self.usages.contains(control));
        stroke.is_pressed && stroke.usage == RIGHT_BRACKET && has_control
    }

    /// Lets go of all keys.
    pub(crate) fn release(&mut self) -> impl Iterator<Item = Stroke> {
        let usages = core::mem::take(&mut self.usages);
        usages.into_iter().map(|usage| Stroke { usage, is_pressed: false })
    }
}

/// Usages of the codes from 0x01 on; 0 = none.
// tidy: table
const PLAIN: [u8; 0x58] = [
    0x29, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2D, 0x2E, 0x2A, 0x2B, 0x14, 0x1A,
    0x08, 0x15, 0x17, 0x1C, 0x18, 0x0C, 0x12, 0x13, 0x2F, 0x30, 0x28, 0xE0, 0x04, 0x16, 0x07, 0x09, 0x0A,
    0x0B, 0x0D, 0x0E, 0x0F, 0x33, 0x34, 0x35, 0xE1, 0x31, 0x1D, 0x1B, 0x06, 0x19, 0x05, 0x11, 0x10, 0x36,
    0x37, 0x38, 0xE5, 0x55, 0xE2, 0x2C, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F, 0x40, 0x41, 0x42, 0x43,
    0x53, 0x47, 0x5F, 0x60, 0x61, 0x56, 0x5C, 0x5D, 0x5E, 0x57, 0x59, 0x5A, 0x5B, 0x62, 0x63, 0x46, 0x00,
    0x64, 0x44, 0x45,
];

fn plain(key: u8) -> Option<u8> {
    let usage = usize::from(key).checked_sub(1).and_then(|index| PLAIN.get(index));
    usage.copied().filter(|usage| *usage != 0)
}

/// Usages of the codes behind 0xE0.
fn extended(key: u8) -> Option<u8> {
    Some(match key {
        0x1C => 0x58,
        0x1D => 0xE4,
        0x35 => 0x54,
        0x37 => 0x46,
        0x38 => 0xE6,
        0x46 => PAUSE,
        0x47 => 0x4A,
        0x48 => 0x52,
        0x49 => 0x4B,
        0x4B => 0x50,
        0x4D => 0x4F,
        0x4F => 0x4D,
        0x50 => 0x51,
        0x51 => 0x4E,
        0x52 => 0x49,
        0x53 => 0x4C,
        0x5B => 0xE3,
        0x5C => 0xE7,
        0x5D => 0x65,
        // Shifts that a keyboard invents for keys that have moved.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn strokes(codes: &[u8]) -> Vec<(u8, bool)> {
        let mut decoder = StrokeDecoder::default();
        let strokes = codes.iter().filter_map(|code| decoder.push(*code));
        strokes.map(|stroke| (stroke.usage, stroke.is_pressed)).collect()
    }

    #[test]
    fn keys_have_their_usages() {
        assert_eq!(
            strokes(&[0x1E, 0x9E, 0x30, 0x1C, 0x39]),
            [(0x04, true), (0x04, false), (0x05, true), (0x28, true), (0x2C, true)]
        );
        assert_eq!(
            strokes(&[0x44, 0x57, 0x58, 0x56, 0x55]),
            [(0x43, true), (0x44, true), (0x45, true), (0x64, true)]
        );
        assert_eq!(strokes(&[0xE0, 0x48, 0xE0, 0xC8]), [(0x52, true), (0x52, false)]);
    }

    #[test]
    fn invented_shifts_are_ignored_and_pause_is_one_key() {
        assert_eq!(strokes(&[0xE0, 0x2A, 0xE0, 0x37]), [(0x46, true)]);
        assert_eq!(
            strokes(&[0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5, 0x1E]),
            [(0x48, true), (0x48, false), (0x04, true)]
        );
    }

    #[test]
    fn a_release_is_told_only_after_its_press() {
        let mut held = HeldKeys::default();
        let stroke = |usage, is_pressed| Stroke { usage, is_pressed };

        assert!(!held.note(stroke(0x28, false)));
        assert!(held.note(stroke(0xE0, true)));
        assert!(
            held.note(stroke(0x04, true)) && held.note(stroke(0x04, true)) && held.note(stroke(0x04, false))
        );
        assert!(!held.note(stroke(0x04, false)));
        assert_eq!(held.release().collect::<Vec<_>>(), [stroke(0xE0, false)]);
        assert_eq!(held.release().count(), 0);
    }

    proptest! {
        #[test]
        fn what_is_told_ends_with_all_keys_up(codes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (mut decoder, mut held) = (StrokeDecoder::default(), HeldKeys::default());
            let mut down = alloc::collections::BTreeSet::new();
            let mut told = Vec::new();
            for stroke in codes.iter().filter_map(|code| decoder.push(*code)) {
                if held.note(stroke) {
                    told.push(stroke);
                }
            }
            told.extend(held.release());
            for stroke in told {
                if stroke.is_pressed { down.insert(stroke.usage); } else { prop_assert!(down.remove(&stroke.usage)); }
            }
            prop_assert!(down.is_empty());
        }
    }
}
