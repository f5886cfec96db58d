//! Movement that the guest has not been told yet, and the packets that tell it.

use super::key::Motion;
use serde::{Deserialize, Serialize};

/// What a mouse says it is: decides the form of its packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Three bytes: two directions, three buttons.
    Standard,
    /// Four bytes, with a wheel.
    Wheel,
    /// Four bytes, with a wheel and five buttons.
    FiveButtons,
}

impl Kind {
    /// The identity that it answers with.
    pub(super) fn identity(self) -> u8 {
        match self {
            Kind::Standard => 0,
            Kind::Wheel => 3,
            Kind::FiveButtons => 4,
        }
    }

    /// Bytes of one packet.
    pub(super) fn packet_bytes(self) -> usize {
        if self == Kind::Standard { 3 } else { 4 }
    }
}

/// Movement of one packet at the most, either way. Packets could say 255; many drivers look at eight bits only.
const STEP_MAX: i16 = 127;
/// Turns of the wheel in one packet at the most: the last byte has four bits for them.
const WHEEL_MAX: i16 = 7;
/// The bits of the first byte: always set, and the signs.
const ALWAYS: u8 = 1 << 3;
const SIGN_RIGHT: u8 = 1 << 4;
const SIGN_UP: u8 = 1 << 5;

/// Movement that adds up until it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Pending {
    right: i16,
    up: i16,
    wheel: i16,
    buttons: u8,
    /// The buttons that the guest was told last.
    told_buttons: u8,
}

impl Pending {
    pub(super) fn add(&mut self, motion: Motion) {
        self.right = self.right.saturating_add(motion.right);
        self.up = self.up.saturating_sub(motion.down);
        self.wheel = self.wheel.saturating_add(motion.wheel);
        self.buttons = motion.buttons & 0x1F;
    }

    /// Forgets movement, not the buttons.
    pub(super) fn clear(&mut self) {
        *self = Self { buttons: self.buttons, told_buttons: self.buttons, ..Self::default() };
    }

    /// Whether there is something to tell.
    pub(super) fn is_any(&self, kind: Kind) -> bool {
        let wheel = if kind == Kind::Standard { 0 } else { self.wheel };
        self.right != 0 || self.up != 0 || wheel != 0 || self.buttons != self.told_buttons
    }

    /// The left, right and middle buttons.
    pub(super) fn main_buttons(&self) -> u8 {
        self.buttons & 7
    }

    /// Makes a packet of as much as fits in one.
    pub(super) fn take_packet(&mut self, kind: Kind) -> [u8; 4] {
        let right = take(&mut self.right, STEP_MAX);
        let up = take(&mut self.up, STEP_MAX);
        let wheel = if kind == Kind::Standard { 0 } else { take(&mut self.wheel, WHEEL_MAX) };
        self.told_buttons = self.buttons;
        let mut first = ALWAYS | self.main_buttons();
        first |= if right < 0 { SIGN_RIGHT } else { 0 };
        first |= if up < 0 { SIGN_UP } else { 0 };
        let wheel = match kind {
            Kind::FiveButtons => wheel as u8 & 0x0F | (self.buttons & 0x18) << 1,
            _ => wheel as u8,
        };
        [first, right as u8, up as u8, wheel]
    }
}

/// Takes at most `most` off a sum, either way.
fn take(sum: &mut i16, most: i16) -> i16 {
    let part = (*sum).clamp(most.saturating_neg(), most);
    *sum = sum.saturating_sub(part);
    part
}
