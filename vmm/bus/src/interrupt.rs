//! Interrupts: lines to the I/O APIC and messages.

use crate::device::{Context, Device};

/// Pins of the interrupt controller.
pub const PINS: usize = 24;
/// Devices that may share one pin: one bit of a word each.
pub const SOURCES_MAX: u8 = 64;

/// An interrupt line of one device: the controller's pin and the device's place among those that
/// share it. A pin is high while any of its sources is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// Pin of the I/O APIC, 0 to 23.
    pub pin: u8,
    /// Number of the device, 0 to 63: two devices on one pin must not have the same.
    pub source: u8,
}

/// What an interrupt line says. High means "asserted", whatever the polarity on a real board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Nothing to report.
    Low,
    /// An interrupt is wanted.
    High,
}

impl Level {
    /// High if `asserted`.
    pub const fn from_asserted(asserted: bool) -> Self {
        if asserted { Level::High } else { Level::Low }
    }
}

/// A message-signalled interrupt (Intel SDM vol. 3, 11.11): a write of `data` to `address`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Msi {
    /// Where the message goes: says which processors.
    pub address: u64,
    /// What it says: vector, delivery mode, trigger mode.
    pub data: u32,
}

/// The device that turns lines into messages: the I/O APIC.
pub trait InterruptController: Device {
    /// A pin changed its level. Called for changes only.
    fn set_pin(&mut self, pin: u8, level: Level, context: &mut Context<'_>);

    /// A processor acknowledged a level-triggered interrupt with this vector.
    fn end_of_interrupt(&mut self, vector: u8, context: &mut Context<'_>);

    /// The chipset wires `pin` to an input of a second, older controller, or to none.
    fn route_pin(&mut self, _pin: u8, _input: Option<u8>, _context: &mut Context<'_>) {}

    /// Whether a change of the pin would reach anybody now: `false` while it is masked everywhere. When that
    /// changes, the controller notes [`crate::Attention::DEADLINE`].
    fn listens(&self, _pin: u8) -> bool {
        true
    }

    /// Whether the older controller asks a processor to acknowledge an interrupt (INTR of an 8259).
    /// A change is announced by [`crate::Attention::PIC_OUTPUT`].
    fn wants_acknowledge(&self) -> bool {
        false
    }

    /// The processor acknowledges (INTA): the vector, if there is an older controller.
    fn acknowledge(&mut self, _context: &mut Context<'_>) -> Option<u8> {
        None
    }
}

/// Who asserts each pin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PinLevels {
    asserting: [u64; PINS],
    /// Sources that are cut off now.
    muted: [u64; PINS],
}

impl Default for PinLevels {
    fn default() -> Self {
        Self { asserting: [0; PINS], muted: [0; PINS] }
    }
}

impl PinLevels {
    /// Notes what one source says. Returns the pin's level if that changed it. A pin or source that
    /// does not exist changes nothing.
    pub fn set(&mut self, line: Line, level: Level) -> Option<Level> {
        if line.source >= SOURCES_MAX {
            return None;
        }
        let before = self.level(line.pin);
        let asserting = self.asserting.get_mut(usize::from(line.pin))?;
        match level {
            Level::High => *asserting |= 1 << line.source,
            Level::Low => *asserting &= !(1 << line.source),
        }
        let after = self.level(line.pin);
        if before == after { None } else { Some(after) }
    }

    /// Cuts one source off, or connects it again: the chipset gives its pin to another device. Returns the
    /// pin's level if that changed it.
    pub fn mute(&mut self, line: Line, is_muted: bool) -> Option<Level> {
        if line.source >= SOURCES_MAX {
            return None;
        }
        let before = self.level(line.pin);
        let muted = self.muted.get_mut(usize::from(line.pin))?;
        if is_muted {
            *muted |= 1 << line.source;
        } else {
            *muted &= !(1 << line.source);
        }
        let after = self.level(line.pin);
        if before == after { None } else { Some(after) }
    }

    /// Whether the source is cut off.
    pub fn is_muted(&self, line: Line) -> bool {
        let muted = self.muted.get(usize::from(line.pin)).copied().unwrap_or(0);
        line.source < SOURCES_MAX && muted & 1 << line.source != 0
    }

    /// The level of a pin. One that does not exist is low.
    pub fn level(&self, pin: u8) -> Level {
        let pin = usize::from(pin);
        let heard = self.asserting.get(pin).zip(self.muted.get(pin)).map(|(all, muted)| all & !muted);
        Level::from_asserted(heard.is_some_and(|heard| heard != 0))
    }

    /// Sets all pins low.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The raw state: for each pin the sources that assert it, one bit each.
    pub fn asserting(&self) -> &[u64; PINS] {
        &self.asserting
    }

    /// The sources that are cut off, likewise.
    pub fn muted(&self) -> &[u64; PINS] {
        &self.muted
    }

    /// Replaces the raw state.
    pub fn restore(&mut self, asserting: [u64; PINS], muted: [u64; PINS]) {
        *self = Self { asserting, muted };
    }
}
