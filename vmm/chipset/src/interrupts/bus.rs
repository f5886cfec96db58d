//! The controllers on the bus, saved and shown.

use super::state::{ISA_PINS, PcInterrupts, ROUTES};
use crate::{
    byte_ports::{read_bytewise, write_bytewise},
    ioapic,
    pic::{PicPairState, Which},
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Attention, Context, Device, Inspector, Region, interrupt::PINS};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;
/// Region of the first 8259.
pub const FIRST_REGION: Region = Region(1);
/// Its first port.
pub const FIRST_PORT: u16 = 0x20;
/// Region of the second 8259.
pub const SECOND_REGION: Region = Region(2);
/// Its first port.
pub const SECOND_PORT: u16 = 0xA0;
/// Region of the edge/level control registers.
pub const TRIGGER_REGION: Region = Region(3);
/// Their first port.
pub const TRIGGER_PORT: u16 = 0x4D0;
/// Ports of each of these.
pub const PORTS: u16 = 2;

#[derive(Serialize, Deserialize)]
struct State {
    pic: PicPairState,
    io_apic: ioapic::State,
    routes: Vec<Option<u8>>,
    pins: u32,
    output: bool,
}

impl PcInterrupts {
    fn read_port(&mut self, region: Region, offset: u64) -> u8 {
        match (region, offset) {
            (FIRST_REGION, 0..=1) => self.pic.read(Which::First, offset),
            (SECOND_REGION, 0..=1) => self.pic.read(Which::Second, offset),
            (TRIGGER_REGION, 0) => self.pic.by_level(Which::First),
            (TRIGGER_REGION, 1) => self.pic.by_level(Which::Second),
            _ => 0xFF,
        }
    }

    fn write_port(&mut self, region: Region, offset: u64, value: u8) {
        match (region, offset) {
            (FIRST_REGION, 0..=1) => self.pic.write(Which::First, offset, value),
            (SECOND_REGION, 0..=1) => self.pic.write(Which::Second, offset, value),
            (TRIGGER_REGION, 0) => self.pic.set_by_level(Which::First, value),
            (TRIGGER_REGION, 1) => self.pic.set_by_level(Which::Second, value),
            _ => {}
        }
    }
}

impl Device for PcInterrupts {
    fn name(&self) -> &'static str {
        "pc interrupts"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        if region == Region(0) {
            return self.io_apic.read(region, offset, size, context);
        }
        let value = read_bytewise(offset, size, |offset| self.read_port(region, offset));
        // A poll acknowledges.
        self.settle(context);
        value
    }

    fn write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        if region == Region(0) {
            self.io_apic.write(region, offset, size, value, context);
            return;
        }
        let mask = self.pic.mask();
        write_bytewise(offset, size, value, |offset, byte| self.write_port(region, offset, byte));
        self.settle(context);
        if self.pic.mask() != mask {
            context.effects.note(Attention::DEADLINE);
        }
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        *self = Self::new();
        context.effects.note(Attention::PIC_OUTPUT);
    }

    fn save(&self) -> SavedState {
        let state = State {
            pic: self.pic.save(),
            io_apic: self.io_apic.state(),
            routes: self.routes.to_vec(),
            pins: self.pins,
            output: self.output,
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let wrong_count = RestoreError::Impossible("the chipset routes eight pins");
        let routes: [Option<u8>; ROUTES] = state.routes.try_into().map_err(|_| wrong_count)?;
        if routes.iter().flatten().any(|input| *input >= ISA_PINS) {
            return Err(RestoreError::Impossible("a pin is routed to an input that does not exist"));
        }
        self.io_apic.take_state(state.io_apic)?;
        self.pic.restore(state.pic);
        self.routes = routes;
        self.pins = state.pins & ((1 << PINS) - 1);
        self.output = state.output;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("requests", u64::from(self.pic.requests()));
        inspector.number("in service", u64::from(self.pic.in_service()));
        inspector.number("masked", u64::from(self.pic.mask()));
        inspector.flag("asks for acknowledgement", self.output);
        for (place, input) in self.routes.iter().enumerate() {
            let Some(input) = input else { continue };
            inspector.enter("route");
            inspector.number("pin", place as u64 + u64::from(ISA_PINS));
            inspector.number("input", u64::from(*input));
            inspector.leave();
        }
        inspector.enter("ioapic");
        self.io_apic.inspect(inspector);
        inspector.leave();
    }
}
