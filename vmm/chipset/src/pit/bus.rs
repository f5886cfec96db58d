//! The timer on the bus, saved and shown.

use super::{
    counter::Counter,
    pit_state::{Pit, SPEAKER_COUNTER},
};
use crate::byte_ports::{read_bytewise, write_bytewise};
use alloc::vec::Vec;
use base_units::Nanos;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Context, Device, Inspector, Line, Region};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;
/// Region of the counters and their control word.
pub const COUNTERS_REGION: Region = Region(0);
/// Their first port.
pub const COUNTERS_PORT: u16 = 0x40;
/// Their ports.
pub const COUNTERS_PORTS: u16 = 4;
/// Region of the gate and output of counter 2.
pub const CONTROL_REGION: Region = Region(1);
/// Its port.
pub const CONTROL_PORT: u16 = 0x61;
/// Offset of the control word.
const CONTROL_WORD: u64 = 3;

#[derive(Serialize, Deserialize)]
struct State {
    counters: Vec<Counter>,
    control: u8,
    rest_until: u64,
    asserted: bool,
}

impl Pit {
    fn read_counter(&mut self, offset: u64) -> u8 {
        let counter = usize::try_from(offset).ok().and_then(|number| self.counters.get_mut(number));
        counter.map_or(0, Counter::read)
    }

    fn write_counter(&mut self, offset: u64, value: u8) {
        if offset == CONTROL_WORD {
            self.write_control_word(value);
        } else if let Some(counter) =
            usize::try_from(offset).ok().and_then(|number| self.counters.get_mut(number))
        {
            counter.write(value);
        }
    }
}

impl Device for Pit {
    fn name(&self) -> &'static str {
        "pit"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        self.catch_up(context.now, context.effects);
        match (region, offset) {
            (COUNTERS_REGION, _) => read_bytewise(offset, size, |offset| self.read_counter(offset)),
            (CONTROL_REGION, 0) => u64::from(self.control(context.now)),
            _ => size.ones(),
        }
    }

    fn write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        self.catch_up(context.now, context.effects);
        match (region, offset) {
            (COUNTERS_REGION, _) => {
                write_bytewise(offset, size, value, |offset, byte| self.write_counter(offset, byte));
                self.report(context.effects);
            }
            (CONTROL_REGION, 0) => self.write_control(value as u8),
            _ => {}
        }
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        *self = Self::new(self.line);
    }

    fn deadline(&self) -> Nanos {
        self.next_interrupt()
    }

    fn deadline_line(&self) -> Option<Line> {
        Some(self.line)
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.catch_up(context.now, context.effects);
    }

    fn save(&self) -> SavedState {
        let state = State {
            counters: self.counters.to_vec(),
            control: self.control,
            rest_until: self.rest_until,
            asserted: self.asserted,
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let wrong_count = RestoreError::Impossible("the timer has three counters");
        self.counters = state.counters.try_into().map_err(|_| wrong_count)?;
        self.control = state.control & 0x0F;
        self.rest_until = state.rest_until;
        self.asserted = state.asserted;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        for counter in &self.counters {
            inspector.enter("counter");
            counter.inspect(inspector);
            inspector.leave();
        }
        inspector.flag("speaker", self.is_speaker_on());
        inspector.flag("speaker output", self.counters[SPEAKER_COUNTER].output());
    }
}
