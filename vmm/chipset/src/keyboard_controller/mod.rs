//! What is left of the keyboard controller on a machine without a keyboard: the pulse that resets it.
//!
//! Port 0x64 is an idle controller that takes every command at once (its status is zero, so that
//! nobody waits for it) and obeys one: 0xFE pulses the processor's reset line.

use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Context, Device, Inspector, PowerRequest, Region};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;
/// The port of commands and status. The data port is not there.
pub const PORT: u16 = 0x64;
/// The command that pulses the reset line.
const PULSE_RESET: u64 = 0xFE;

#[derive(Serialize, Deserialize)]
struct State;

/// A keyboard controller that knows one command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyboardController;

impl Device for KeyboardController {
    fn name(&self) -> &'static str {
        "keyboard controller"
    }

    fn read(&mut self, _: Region, _: u64, _: AccessSize, _: &mut Context<'_>) -> u64 {
        0
    }

    fn write(&mut self, _: Region, _: u64, _: AccessSize, value: u64, context: &mut Context<'_>) {
        if value & 0xFF == PULSE_RESET {
            context.effects.request_power(PowerRequest::Reset);
        }
    }

    fn reset(&mut self, _: &mut Context<'_>) {}

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &State)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let State = saved.decode(VERSION)?;
        Ok(())
    }

    fn inspect(&self, _: &mut dyn Inspector) {}
}
