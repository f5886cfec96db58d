//! The I/O APIC as a value.

use super::entry::Entry;
use vmm_bus::{Attention, Effects, Level, interrupt::PINS};

/// Bytes of address space that it takes.
pub const ADDRESS_BYTES: u64 = 0x1000;
/// Version 0x20 (it has an EOI register) with 24 entries.
const VERSION: u32 = 0x20 | (PINS as u32 - 1) << 16;
/// Index register of the identification.
const INDEX_ID: u8 = 0;
/// Index register of the version.
const INDEX_VERSION: u8 = 1;
/// Index register of the arbitration id.
const INDEX_ARBITRATION: u8 = 2;
/// First index register of the redirection table: two for each pin.
const INDEX_TABLE: u8 = 0x10;

/// An I/O APIC with 24 pins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IoApic {
    pub(super) index: u8,
    pub(super) id: u8,
    pub(super) entries: [Entry; PINS],
    /// The pins that are asserted, one bit each.
    pub(super) asserted: u32,
}

impl Default for IoApic {
    fn default() -> Self {
        Self::new()
    }
}

impl IoApic {
    /// All pins masked and low.
    pub fn new() -> Self {
        Self { index: 0, id: 0, entries: [Entry::RESET; PINS], asserted: 0 }
    }

    /// A pin changed. Edge-triggered pins send on the way up and forget while masked (82093AA, 3.2.4:
    /// "not delivered or held pending"); level-triggered ones send while high.
    pub(super) fn pin_changed(&mut self, pin: u8, level: Level, effects: &mut Effects) {
        let Some(entry) = self.entries.get(usize::from(pin)) else { return };
        match level {
            Level::Low => self.asserted &= !(1 << pin),
            Level::High => {
                let was_low = self.asserted & 1 << pin == 0;
                self.asserted |= 1 << pin;
                if entry.is_level() {
                    self.deliver_level(pin, effects);
                } else if was_low && !entry.is_masked() {
                    effects.send(entry.message());
                }
            }
        }
    }

    /// A processor acknowledged `vector`: every pin that it served may interrupt again.
    pub(super) fn acknowledge(&mut self, vector: u8, effects: &mut Effects) {
        for pin in 0..PINS as u8 {
            let Some(entry) = self.entries.get_mut(usize::from(pin)) else { continue };
            if entry.vector() == vector && entry.is_level() && entry.is_in_service() {
                entry.set_in_service(false);
                self.deliver_level(pin, effects);
            }
        }
    }

    pub(super) fn read_window(&self) -> u32 {
        match self.index {
            INDEX_ID | INDEX_ARBITRATION => u32::from(self.id) << 24,
            INDEX_VERSION => VERSION,
            index => match table_place(index).and_then(|(pin, high)| Some((self.entries.get(pin)?, high))) {
                Some((entry, true)) => (entry.raw() >> 32) as u32,
                Some((entry, false)) => entry.raw() as u32,
                None => u32::MAX,
            },
        }
    }

    pub(super) fn write_window(&mut self, value: u32, effects: &mut Effects) {
        if self.index == INDEX_ID {
            self.id = (value >> 24) as u8 & 0x0F;
            return;
        }
        let Some((pin, high)) = table_place(self.index) else { return };
        let Some(entry) = self.entries.get_mut(pin) else { return };
        let raw = entry.raw();
        let written = if high {
            raw & 0xFFFF_FFFF | u64::from(value) << 32
        } else {
            raw & !0xFFFF_FFFF | u64::from(value)
        };
        let was_masked = entry.is_masked();
        *entry = entry.write(written);
        if entry.is_masked() != was_masked {
            // Deadlines about this pin count now, or no more.
            effects.note(Attention::DEADLINE);
        }
        self.deliver_level(pin as u8, effects);
    }

    /// Sends a level-triggered pin's message if it is high, allowed, and not in service.
    fn deliver_level(&mut self, pin: u8, effects: &mut Effects) {
        let is_high = self.asserted & 1 << pin != 0;
        let Some(entry) = self.entries.get_mut(usize::from(pin)) else { return };
        if is_high && entry.is_level() && !entry.is_masked() && !entry.is_in_service() {
            entry.set_in_service(true);
            effects.send(entry.message());
        }
    }
}

/// The pin that an index register belongs to, and whether it is the upper half of its entry.
fn table_place(index: u8) -> Option<(usize, bool)> {
    let offset = index.checked_sub(INDEX_TABLE)?;
    let pin = usize::from(offset / 2);
    (pin < PINS).then_some((pin, offset % 2 == 1))
}
