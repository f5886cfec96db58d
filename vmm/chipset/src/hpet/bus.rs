//! The block on the bus, saved and shown.

use super::{
    registers::{CONFIGURATION, CONFIGURATION_WRITABLE, ENABLE, TIMERS},
    state::Hpet,
    timer::Timer,
};
use alloc::vec::Vec;
use base_units::Nanos;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Context, Device, Inspector, Region};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    configuration: u64,
    status: u64,
    timers: Vec<Timer>,
    offset: u64,
    checked: u64,
    rest_until: u64,
    asserted: Vec<Option<u8>>,
}

impl Device for Hpet {
    fn name(&self) -> &'static str {
        "hpet"
    }

    fn read(&mut self, _region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        self.catch_up(context.now, context.effects);
        // An access lies within one register of eight bytes; what passes its end reads as zero.
        self.read_register(offset & !7, context.now) >> (8 * (offset & 7)) & size.ones()
    }

    fn write(&mut self, _: Region, offset: u64, size: AccessSize, value: u64, context: &mut Context<'_>) {
        self.catch_up(context.now, context.effects);
        let shift = 8 * (offset & 7);
        let register = offset & !7;
        let was_legacy = self.is_legacy();
        self.write_register(register, value << shift, size.ones() << shift, context.now);
        if register == CONFIGURATION && was_legacy != self.is_legacy() {
            self.report_legacy(context.effects);
        }
        self.report(context.effects);
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        *self = Self::new(self.wiring);
    }

    fn deadline(&self) -> Nanos {
        self.next_interrupt()
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.catch_up(context.now, context.effects);
    }

    fn save(&self) -> SavedState {
        let state = State {
            configuration: self.configuration,
            status: self.status,
            timers: self.timers.to_vec(),
            offset: self.offset,
            checked: self.checked,
            rest_until: self.rest_until,
            asserted: self.asserted.to_vec(),
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let wrong_count = RestoreError::Impossible("the block has three timers");
        let mut timers: [Timer; TIMERS] = state.timers.try_into().map_err(|_| wrong_count)?;
        timers.iter_mut().for_each(Timer::sanitize);
        self.asserted = state.asserted.try_into().map_err(|_| wrong_count)?;
        self.timers = timers;
        self.configuration = state.configuration & CONFIGURATION_WRITABLE;
        self.status = state.status & ((1 << TIMERS) - 1);
        self.offset = state.offset;
        self.checked = if self.configuration & ENABLE != 0 { state.checked } else { state.offset };
        self.rest_until = state.rest_until;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.flag("running", self.is_running());
        inspector.flag("replaces the legacy timers", self.is_legacy());
        inspector.number("status", self.status);
        for timer in self.timers.iter().filter(|timer| timer.interrupts()) {
            inspector.enter("timer");
            inspector.number("configuration", timer.read(super::registers::TIMER_CONFIGURATION));
            inspector.number("comparator", timer.read(super::registers::TIMER_COMPARATOR));
            inspector.leave();
        }
    }
}
