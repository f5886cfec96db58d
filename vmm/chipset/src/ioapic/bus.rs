//! The I/O APIC on the bus, saved and shown.

use super::{entry::Entry, state::IoApic};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Context, Device, Inspector, InterruptController, Level, Region, access::part_of};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;
/// Register select.
const SELECT: u64 = 0x00;
/// Window to the selected register.
const WINDOW: u64 = 0x10;
/// End of interrupt: a vector.
const END_OF_INTERRUPT: u64 = 0x40;

/// What is saved of an I/O APIC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    index: u8,
    id: u8,
    entries: Vec<Entry>,
    asserted: u32,
}

impl IoApic {
    /// What is saved.
    pub(crate) fn state(&self) -> State {
        let entries = self.entries.to_vec();
        State { index: self.index, id: self.id, entries, asserted: self.asserted }
    }

    /// Takes over what was saved.
    pub(crate) fn take_state(&mut self, state: State) -> Result<(), RestoreError> {
        let wrong_count = RestoreError::Impossible("an I/O APIC has 24 pins");
        self.entries = state.entries.try_into().map_err(|_| wrong_count)?;
        self.index = state.index;
        self.id = state.id & 0x0F;
        self.asserted = state.asserted & 0x00FF_FFFF;
        Ok(())
    }
}

impl Device for IoApic {
    fn name(&self) -> &'static str {
        "ioapic"
    }

    fn read(&mut self, _region: Region, offset: u64, size: AccessSize, _context: &mut Context<'_>) -> u64 {
        match offset & !3 {
            SELECT => part_of(u32::from(self.index), offset, size),
            WINDOW => part_of(self.read_window(), offset, size),
            _ => 0,
        }
    }

    fn write(
        &mut self,
        _region: Region,
        offset: u64,
        _size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        match offset {
            SELECT => self.index = value as u8,
            WINDOW => self.write_window(value as u32, context.effects),
            END_OF_INTERRUPT => self.acknowledge(value as u8, context.effects),
            _ => {}
        }
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        *self = Self::new();
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &self.state())
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.take_state(saved.decode(VERSION)?)
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("asserted pins", u64::from(self.asserted));
        for (pin, entry) in self.entries.iter().enumerate().filter(|(_, entry)| !entry.is_masked()) {
            inspector.enter("entry");
            inspector.number("pin", pin as u64);
            inspector.number("entry", entry.raw());
            inspector.leave();
        }
    }
}

impl InterruptController for IoApic {
    fn set_pin(&mut self, pin: u8, level: Level, context: &mut Context<'_>) {
        self.pin_changed(pin, level, context.effects);
    }

    fn end_of_interrupt(&mut self, vector: u8, context: &mut Context<'_>) {
        self.acknowledge(vector, context.effects);
    }

    fn listens(&self, pin: u8) -> bool {
        self.entries.get(usize::from(pin)).is_some_and(|entry| !entry.is_masked())
    }
}
