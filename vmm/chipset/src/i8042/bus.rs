//! The controller on the bus, saved and shown.

use super::{
    controller::{I8042, Output, RAM_BYTES},
    keyboard::{self, Keyboard},
    mouse::{self, Mouse},
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Context, Device, Inspector, Region};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;
/// Region of the data port.
pub const DATA_REGION: Region = Region(0);
/// The data port.
pub const DATA_PORT: u16 = 0x60;
/// Region of the command port.
pub const COMMAND_REGION: Region = Region(1);
/// The command port, and the status.
pub const COMMAND_PORT: u16 = 0x64;
/// Region of the fast way to reset and to address line 20.
pub const FAST_REGION: Region = Region(2);
/// Its port.
pub const FAST_PORT: u16 = 0x92;

#[derive(Serialize, Deserialize)]
struct State {
    keyboard: keyboard::State,
    mouse: mouse::State,
    output: Output,
    ram: Vec<u8>,
    expects: Option<u8>,
    last_was_command: bool,
    line_20: bool,
    asserted: [bool; 2],
}

impl Device for I8042 {
    fn name(&self) -> &'static str {
        "i8042"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        let value = match (region, offset) {
            (DATA_REGION, 0) => {
                let value = self.read_data();
                self.settle_after_read(context);
                value
            }
            (COMMAND_REGION, 0) => self.status(),
            (FAST_REGION, 0) => u8::from(self.line_20) << 1,
            _ => return size.ones(),
        };
        u64::from(value)
    }

    fn write(&mut self, region: Region, offset: u64, _: AccessSize, value: u64, context: &mut Context<'_>) {
        match (region, offset) {
            (DATA_REGION, 0) => self.write_data(value as u8, context.effects),
            (COMMAND_REGION, 0) => self.write_command(value as u8, context.effects),
            (FAST_REGION, 0) => self.write_fast(value as u8, context.effects),
            _ => {}
        }
        self.settle(context.effects);
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        *self = Self::new(self.keyboard_line, self.mouse_line);
    }

    fn save(&self) -> SavedState {
        let state = State {
            keyboard: self.keyboard.save(),
            mouse: self.mouse.save(),
            output: self.output,
            ram: self.ram.to_vec(),
            expects: self.expects,
            last_was_command: self.last_was_command,
            line_20: self.line_20,
            asserted: self.asserted,
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let wrong_size = RestoreError::Impossible("a keyboard controller has 32 bytes of RAM");
        let ram: [u8; RAM_BYTES] = state.ram.try_into().map_err(|_| wrong_size)?;
        self.keyboard = Keyboard::restore(&state.keyboard)?;
        self.mouse = Mouse::restore(&state.mouse)?;
        self.ram = ram;
        self.output = state.output;
        self.expects = state.expects;
        self.last_was_command = state.last_was_command;
        self.line_20 = state.line_20;
        self.asserted = state.asserted;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("mode", u64::from(self.mode().bits()));
        inspector.number("status", u64::from(self.status()));
        inspector.flag("address line 20", self.line_20);
        inspector.enter("keyboard");
        self.keyboard.inspect(inspector);
        inspector.leave();
        inspector.enter("mouse");
        self.mouse.inspect(inspector);
        inspector.leave();
    }
}

impl I8042 {
    /// The lines fall when a byte is taken and rise again with the next: interrupts 1 and 12 are edges.
    fn settle_after_read(&mut self, context: &mut Context<'_>) {
        for (asserted, line) in self.asserted.iter_mut().zip([self.keyboard_line, self.mouse_line]) {
            if core::mem::take(asserted) {
                context.effects.set_line(line, vmm_bus::Level::Low);
            }
        }
        self.settle(context.effects);
    }
}
