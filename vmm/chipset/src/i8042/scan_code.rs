//! Keys to scan codes.

use super::key::{Key, Stroke};

/// Which codes a keyboard sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CodeSet {
    /// The PC XT's.
    One,
    /// The PC AT's.
    Two,
    /// The terminals'.
    Three,
}

/// Keys held down that change what others send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Held {
    pub(super) alt: bool,
    pub(super) control: bool,
}

/// Bytes of one stroke at the most: Pause.
pub(super) const STROKE_BYTES: usize = 8;
/// Announces a release, in sets 2 and 3.
const RELEASED: u8 = 0xF0;

/// The bytes of one stroke.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Codes {
    bytes: [u8; STROKE_BYTES],
    count: usize,
}

impl Codes {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or(&[])
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.count) {
            *place = byte;
            self.count = self.count.saturating_add(1);
        }
    }

    fn push_all(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.push(*byte));
    }

    /// One code of set 2 or, translated, of set 1.
    fn push_code(&mut self, set: CodeSet, code: u16, stroke: Stroke) {
        let [plain, page] = code.to_le_bytes();
        if page != 0 {
            self.push(page);
        }
        match (set, stroke) {
            (CodeSet::One, Stroke::Press) => self.push(translate(plain)),
            (CodeSet::One, Stroke::Release) => self.push(translate(plain) | 0x80),
            (_, Stroke::Press) => self.push(plain),
            (_, Stroke::Release) => self.push_all(&[RELEASED, plain]),
        }
    }
}

/// What a keyboard sends for a stroke; nothing for keys that it does not have.
pub(super) fn codes(set: CodeSet, key: Key, stroke: Stroke, held: Held) -> Codes {
    let mut codes = Codes::default();
    if set == CodeSet::Three {
        if let Some(code) = set_three(key) {
            codes.push_code(set, u16::from(code), stroke);
        }
        return codes;
    }
    match key {
        Key::PAUSE if held.control => {
            // Break: the release follows at once.
            if stroke == Stroke::Press {
                codes.push_code(set, 0xE07E, Stroke::Press);
                codes.push_code(set, 0xE07E, Stroke::Release);
            }
        }
        Key::PAUSE if stroke == Stroke::Release => {}
        Key::PAUSE if set == CodeSet::One => codes.push_all(&[0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5]),
        Key::PAUSE => codes.push_all(&[0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77]),
        Key::PRINT_SCREEN if held.alt => codes.push_code(set, 0x0084, stroke),
        Key::PRINT_SCREEN if stroke == Stroke::Press => {
            codes.push_code(set, 0xE012, stroke);
            codes.push_code(set, 0xE07C, stroke);
        }
        Key::PRINT_SCREEN => {
            codes.push_code(set, 0xE07C, stroke);
            codes.push_code(set, 0xE012, stroke);
        }
        _ => {
            if let Some(code) = set_two(key) {
                codes.push_code(set, code, stroke);
            }
        }
    }
    codes
}

/// The controller's translation of a code of set 2 to set 1. Bytes that are no codes stay what they are.
pub(super) fn translate(code: u8) -> u8 {
    match code {
        0x83 => 0x41,
        0x84 => 0x54,
        _ => TRANSLATION.get(usize::from(code)).copied().unwrap_or(code),
    }
}

/// The byte that announces a release: the controller swallows it when it translates.
pub(super) const fn announces_release(code: u8) -> bool {
    code == RELEASED
}

/// Set 2 to set 1 (IBM PS/2 Hardware Interface Technical Reference, "scan code translation").
const TRANSLATION: [u8; 128] = [
    0xFF, 0x43, 0x41, 0x3F, 0x3D, 0x3B, 0x3C, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3E, 0x0F, 0x29, 0x59, 0x65,
    0x38, 0x2A, 0x70, 0x1D, 0x10, 0x02, 0x5A, 0x66, 0x71, 0x2C, 0x1F, 0x1E, 0x11, 0x03, 0x5B, 0x67, 0x2E,
    0x2D, 0x20, 0x12, 0x05, 0x04, 0x5C, 0x68, 0x39, 0x2F, 0x21, 0x14, 0x13, 0x06, 0x5D, 0x69, 0x31, 0x30,
    0x23, 0x22, 0x15, 0x07, 0x5E, 0x6A, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5F, 0x6B, 0x33, 0x25, 0x17,
    0x18, 0x0B, 0x0A, 0x60, 0x6C, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0C, 0x61, 0x6D, 0x73, 0x28, 0x74, 0x1A,
    0x0D, 0x62, 0x6E, 0x3A, 0x36, 0x1C, 0x1B, 0x75, 0x2B, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7A,
    0x0E, 0x7B, 0x7C, 0x4F, 0x7D, 0x4B, 0x47, 0x7E, 0x7F, 0x6F, 0x52, 0x53, 0x50, 0x4C, 0x4D, 0x48, 0x01,
    0x45, 0x57, 0x4E, 0x51, 0x4A, 0x37, 0x49, 0x46, 0x54,
];

/// First key of the table below.
const FIRST_KEY: u8 = 0x04;

/// Codes of set 2 for keys from [`FIRST_KEY`] on, with their page in the upper byte (Microsoft, "USB HID to PS/2 scan
/// code translation table"). Zero: no such key, or one with a sequence of its own.
const SET_TWO: [u16; 0x70] = [
    // A to Z
    0x1C, 0x32, 0x21, 0x23, 0x24, 0x2B, 0x34, 0x33, 0x43, 0x3B, 0x42, 0x4B, 0x3A, 0x31, 0x44, 0x4D, 0x15,
    0x2D, 0x1B, 0x2C, 0x3C, 0x2A, 0x1D, 0x22, 0x35, 0x1A, // 1 to 0
    0x16, 0x1E, 0x26, 0x25, 0x2E, 0x36, 0x3D, 0x3E, 0x46, 0x45,
    // Enter, Escape, Backspace, Tab, Space, - = [ ] \ (and the European one) ; ' ` , . / Caps Lock
    0x5A, 0x76, 0x66, 0x0D, 0x29, 0x4E, 0x55, 0x54, 0x5B, 0x5D, 0x5D, 0x4C, 0x52, 0x0E, 0x41, 0x49, 0x4A,
    0x58, // F1 to F12
    0x05, 0x06, 0x04, 0x0C, 0x03, 0x0B, 0x83, 0x0A, 0x01, 0x09, 0x78, 0x07,
    // Print Screen, Scroll Lock, Pause
    0, 0x7E, 0, // Insert, Home, Page Up, Delete, End, Page Down, right, left, down, up
    0xE070, 0xE06C, 0xE07D, 0xE071, 0xE069, 0xE07A, 0xE074, 0xE06B, 0xE072, 0xE075,
    // Keypad: Num Lock / * - + Enter 1 to 0 .
    0x77, 0xE04A, 0x7C, 0x7B, 0x79, 0xE05A, 0x69, 0x72, 0x7A, 0x6B, 0x73, 0x74, 0x6C, 0x75, 0x7D, 0x70, 0x71,
    // European key beside the left Shift, Application, Power, keypad =
    0x61, 0xE02F, 0xE037, 0x0F, // F13 to F24
    0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x57, 0x5F,
];

/// Control, Shift, Alt, GUI: left, then right.
const SET_TWO_MODIFIERS: [u16; 8] = [0x14, 0x12, 0x11, 0xE01F, 0xE014, 0x59, 0xE011, 0xE027];
/// The key that [`SET_TWO_MODIFIERS`] starts with.
const FIRST_MODIFIER: u8 = 0xE0;

fn set_two(key: Key) -> Option<u16> {
    let code = match key.0 {
        // Keypad comma, and the keys of Japanese and Korean keyboards.
        0x85 => 0x6D,
        0x87 => 0x51,
        0x88 => 0x13,
        0x89 => 0x6A,
        0x8A => 0x64,
        0x8B => 0x67,
        0x90 => 0xF2,
        0x91 => 0xF1,
        FIRST_MODIFIER.. => entry(&SET_TWO_MODIFIERS, key.0, FIRST_MODIFIER)?,
        _ => entry(&SET_TWO, key.0, FIRST_KEY)?,
    };
    (code != 0).then_some(code)
}

fn entry<T: Copy>(table: &[T], key: u8, first: u8) -> Option<T> {
    table.get(usize::from(key.checked_sub(first)?)).copied()
}

/// Codes of set 3 where they differ from set 2 (IBM PS/2 Hardware Interface Technical Reference, "scan code set 3").
const SET_THREE: [(u8, u8); 53] = [
    (0x29, 0x08),
    (0x3A, 0x07),
    (0x3B, 0x0F),
    (0x3C, 0x17),
    (0x3D, 0x1F),
    (0x3E, 0x27),
    (0x3F, 0x2F),
    (0x40, 0x37),
    (0x41, 0x3F),
    (0x42, 0x47),
    (0x43, 0x4F),
    (0x44, 0x56),
    (0x45, 0x5E),
    (0x46, 0x57),
    (0x47, 0x5F),
    (0x48, 0x62),
    (0x39, 0x14),
    (0x31, 0x5C),
    (0x32, 0x53),
    (0x64, 0x13),
    (0x49, 0x67),
    (0x4A, 0x6E),
    (0x4B, 0x6F),
    (0x4C, 0x64),
    (0x4D, 0x65),
    (0x4E, 0x6D),
    (0x4F, 0x6A),
    (0x50, 0x61),
    (0x51, 0x60),
    (0x52, 0x63),
    (0x53, 0x76),
    (0x54, 0x77),
    (0x55, 0x7E),
    (0x56, 0x84),
    (0x57, 0x7C),
    (0x58, 0x79),
    (0x59, 0x69),
    (0x5A, 0x72),
    (0x5B, 0x7A),
    (0x5C, 0x6B),
    (0x5D, 0x73),
    (0x5E, 0x74),
    (0x5F, 0x6C),
    (0x60, 0x75),
    (0x61, 0x7D),
    (0x62, 0x70),
    (0x63, 0x71),
    (0x65, 0x8D),
    (0xE0, 0x11),
    (0xE2, 0x19),
    (0xE3, 0x8B),
    (0xE4, 0x58),
    (0xE7, 0x8C),
];

fn set_three(key: Key) -> Option<u8> {
    let differing = SET_THREE.iter().find(|(usage, _)| *usage == key.0);
    if let Some((_, code)) = differing {
        return Some(*code);
    }
    match key {
        Key::RIGHT_ALT => Some(0x39),
        _ => set_two(key).and_then(|code| u8::try_from(code).ok()),
    }
}
