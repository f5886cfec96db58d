//! What a person does.

use serde::{Deserialize, Serialize};

/// A key, by its number on the keyboard page of the USB HID usage tables (1.4, chapter 10): the code that says
/// nothing about how a keyboard is attached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key(pub u8);

impl Key {
    /// Print Screen, or System Request with Alt.
    pub const PRINT_SCREEN: Self = Self(0x46);
    /// Pause, or Break with Control.
    pub const PAUSE: Self = Self(0x48);
    /// Left Control.
    pub const LEFT_CONTROL: Self = Self(0xE0);
    /// Left Alt.
    pub const LEFT_ALT: Self = Self(0xE2);
    /// Right Control.
    pub const RIGHT_CONTROL: Self = Self(0xE4);
    /// Right Alt.
    pub const RIGHT_ALT: Self = Self(0xE6);
}

/// Which way a key or button goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stroke {
    /// Down, or still down: a keyboard repeats it.
    Press,
    /// Up.
    Release,
}

/// How a mouse was moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Motion {
    /// To the right.
    pub right: i16,
    /// Down: towards the user.
    pub down: i16,
    /// The wheel, towards the user.
    pub wheel: i16,
    /// Buttons that are down now: bit 0 left, 1 right, 2 middle, 3 and 4 the ones at the side.
    pub buttons: u8,
}
