//! Power management on the bus, saved and shown.

use super::{
    registers::{
        CONTROL_REGION, Control, ENABLE_OFFSET, EVENT_REGION, Event, RESET_KEPT, RESET_REGION, TIMER_REGION,
    },
    state::PowerManagement,
};
use base_units::Nanos;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Context, Device, Inspector, Region, access::part_of};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    status: u16,
    enable: u16,
    control: u16,
    reset_control: u8,
    half_turns: u64,
    asserted: bool,
}

impl PowerManagement {
    fn event_block(&self) -> u32 {
        u32::from(self.status.bits()) | u32::from(self.enable.bits()) << 16
    }

    /// Writes the event block byte by byte: software uses bytes, words and dwords.
    fn write_event_block(&mut self, offset: u64, size: AccessSize, value: u64) {
        for (index, byte) in (0..size.bytes()).zip(value.to_le_bytes()) {
            let place = offset.wrapping_add(index);
            let shift = 8 * (place & 1);
            let bits = u16::from(byte) << shift;
            if place < ENABLE_OFFSET {
                self.acknowledge(bits);
            } else if place < ENABLE_OFFSET + 2 {
                let kept = self.enable.bits() & !(0xFF << shift);
                self.enable = Event::from_bits_truncate(kept | bits);
            }
        }
    }

    fn write_control_bytes(&mut self, offset: u64, size: AccessSize, value: u64, context: &mut Context<'_>) {
        let control = self.control.bits();
        let value = value as u16;
        let whole = match (offset, size) {
            (0, AccessSize::Byte) => control & 0xFF00 | value & 0xFF,
            (0, _) => value,
            (1, AccessSize::Byte) => control & 0xFF | value << 8,
            _ => return,
        };
        self.write_control(whole, context.effects);
    }
}

impl Device for PowerManagement {
    fn name(&self) -> &'static str {
        "power management"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        match region {
            TIMER_REGION => part_of(Self::timer(context.now), offset, size),
            EVENT_REGION => {
                self.catch_up(context.now);
                self.report(context.effects);
                part_of(self.event_block(), offset, size)
            }
            CONTROL_REGION => part_of(u32::from(self.control.bits()), offset, size),
            RESET_REGION => u64::from(self.reset_control),
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
        self.catch_up(context.now);
        match region {
            EVENT_REGION => self.write_event_block(offset, size, value),
            CONTROL_REGION => self.write_control_bytes(offset, size, value, context),
            RESET_REGION => self.write_reset(value as u8, context.effects),
            _ => {}
        }
        self.report(context.effects);
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        *self = Self::owned(self.line, self.ownership);
        self.catch_up(context.now);
        self.status = Event::empty();
    }

    fn deadline(&self) -> Nanos {
        self.timer_deadline()
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.catch_up(context.now);
        self.report(context.effects);
    }

    fn save(&self) -> SavedState {
        let state = State {
            status: self.status.bits(),
            enable: self.enable.bits(),
            control: self.control.bits(),
            reset_control: self.reset_control,
            half_turns: self.half_turns,
            asserted: self.asserted,
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        self.status = Event::from_bits_truncate(state.status);
        self.enable = Event::from_bits_truncate(state.enable);
        self.control = Control::from_bits_truncate(state.control) - Control::SLEEP_ENABLE;
        self.keep_owner();
        self.reset_control = state.reset_control & RESET_KEPT;
        self.half_turns = state.half_turns;
        self.asserted = state.asserted;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("status", u64::from(self.status.bits()));
        inspector.number("enable", u64::from(self.enable.bits()));
        inspector.number("control", u64::from(self.control.bits()));
        inspector.flag("interrupt asserted", self.asserted);
    }
}
