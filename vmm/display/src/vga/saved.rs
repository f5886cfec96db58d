//! The display's state, saved.

use super::{
    memory::MemoryState,
    palette::Palette,
    planes::Latches,
    registers::Registers,
    state::Vga,
    vbe::Vbe,
    window::{View, Window},
};
use serde::{Deserialize, Serialize};
use vmm_bus::pci::FunctionState;
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    function: FunctionState,
    registers: Registers,
    palette: Palette,
    vbe: Vbe,
    latches: Latches,
    memory: MemoryState,
}

impl Vga {
    /// Returns to the state after power-on, without PCI. What is in memory stays, as on a real board: nobody has to
    /// touch all of it.
    pub(super) fn forget(&mut self) {
        self.registers = Registers::default();
        self.palette = Palette::new();
        self.vbe = Vbe::new();
        self.latches = Latches::default();
        self.memory.join_text();
        self.window = Window::of(&self.registers, &self.vbe);
    }

    pub(super) fn save_all(&self) -> SavedState {
        let state = State {
            function: self.function.save(),
            registers: self.registers.clone(),
            palette: self.palette.clone(),
            vbe: self.vbe.clone(),
            latches: self.latches,
            memory: self.memory.save(),
        };
        SavedState::encode(VERSION, &state)
    }

    pub(super) fn restore_all(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let is_possible = state.registers.is_possible()
            && state.palette.is_possible()
            && state.vbe.is_possible(self.memory.bytes());
        if !is_possible {
            return Err(RestoreError::Impossible("the display's registers cannot have these values"));
        }
        let window = Window::of(&state.registers, &state.vbe);
        if state.memory.has_text() != (window.view == View::Text) {
            return Err(RestoreError::Impossible("the display keeps text where no text is shown"));
        }
        self.function.restore(state.function)?;
        self.memory.restore(&state.memory)?;
        self.registers = state.registers;
        self.palette = state.palette;
        self.vbe = state.vbe;
        self.latches = state.latches;
        self.window = window;
        Ok(())
    }
}
