//! The clock on the bus, saved and shown.

use super::{
    calendar::DateTime,
    registers::{BYTES, EXTENDED_BYTES, EXTENDED_REGION, Flags, Mode, UPDATE_IN_PROGRESS},
    state::Rtc,
};
use crate::byte_ports::write_bytewise;
use alloc::vec::Vec;
use base_units::Nanos;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Context, Device, Inspector, Line, Region};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 3;
/// Index port: bit 7 masks NMIs on a PC; there is nothing to mask here.
const INDEX_BITS: u8 = 0x7F;

#[derive(Serialize, Deserialize)]
struct State {
    offset: u64,
    index: u8,
    register_a: u8,
    mode: u8,
    flags: u8,
    memory: Vec<u8>,
    extended: Vec<u8>,
    extended_index: u8,
    /// While the time is being set: as it was written, which need not be a date.
    stopped: Option<DateTime>,
    checked: u64,
    asserted: bool,
}

impl Device for Rtc {
    fn name(&self) -> &'static str {
        "rtc"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        if offset != 1 {
            // The index cannot be read back on a PC.
            return size.ones();
        }
        if region == EXTENDED_REGION {
            return self.extended.get(usize::from(self.extended_index)).copied().map_or(0xFF, u64::from);
        }
        self.catch_up(context.now);
        let value = self.read_register(self.index, context.now);
        self.report(context.effects);
        u64::from(value)
    }

    fn write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        write_bytewise(offset, size, value, |offset, byte| match (region, offset) {
            (EXTENDED_REGION, 0) => self.extended_index = byte & INDEX_BITS,
            (EXTENDED_REGION, 1) => {
                if let Some(place) = self.extended.get_mut(usize::from(self.extended_index)) {
                    *place = byte;
                }
            }
            (_, 0) => self.index = byte & INDEX_BITS,
            (_, 1) => {
                self.catch_up(context.now);
                self.write_register(self.index, byte, context.now);
                self.report(context.effects);
            }
            _ => {}
        });
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        // The battery keeps time and memory; reset only turns interrupts off (MC146818A, "RESET").
        self.mode -= Mode::PERIODIC | Mode::ALARM | Mode::UPDATE | Mode::SQUARE_WAVE;
        self.flags = Flags::empty();
        self.index = 0;
        self.extended_index = 0;
        self.asserted = false;
    }

    fn deadline(&self) -> Nanos {
        self.next_interrupt()
    }

    fn deadline_line(&self) -> Option<Line> {
        Some(self.line)
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.catch_up(context.now);
        self.report(context.effects);
    }

    fn save(&self) -> SavedState {
        let state = State {
            offset: self.offset,
            index: self.index,
            register_a: self.register_a,
            mode: self.mode.bits(),
            flags: self.flags.bits(),
            memory: self.memory.to_vec(),
            extended: self.extended.to_vec(),
            extended_index: self.extended_index,
            stopped: self.stopped,
            checked: self.checked,
            asserted: self.asserted,
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let memory: [u8; BYTES] =
            state.memory.try_into().map_err(|_| RestoreError::Impossible("CMOS memory has 128 bytes"))?;
        let extended: [u8; EXTENDED_BYTES] = state
            .extended
            .try_into()
            .map_err(|_| RestoreError::Impossible("extended CMOS memory has 128 bytes"))?;
        let mode = Mode::from_bits_truncate(state.mode);
        if mode.contains(Mode::SET) != state.stopped.is_some() {
            return Err(RestoreError::Impossible("the clock stands still exactly while it is set"));
        }
        self.offset = state.offset;
        self.index = state.index & INDEX_BITS;
        self.register_a = state.register_a & !UPDATE_IN_PROGRESS;
        self.mode = mode;
        self.flags = Flags::from_bits_truncate(state.flags) - Flags::INTERRUPT;
        self.memory = memory;
        self.extended = extended;
        self.extended_index = state.extended_index & INDEX_BITS;
        self.stopped = state.stopped;
        self.checked = state.checked;
        self.asserted = state.asserted;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("register A", u64::from(self.register_a));
        inspector.number("register B", u64::from(self.mode.bits()));
        inspector.number("flags", u64::from(self.flags.bits()));
        inspector.flag("interrupt asserted", self.asserted);
    }
}
