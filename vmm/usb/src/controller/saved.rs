//! The controller with its devices, saved.

use super::{
    Devices, INTERRUPTERS, SLOTS_MAX, Xhci,
    interrupter::Interrupter,
    ports::{PORTS, Port},
    registers::Registers,
    slots::Slot,
};
use alloc::vec::Vec;
use base_units::Nanos;
use serde::{Deserialize, Serialize};
use vmm_bus::pci::FunctionState;
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    function: FunctionState,
    registers: Registers,
    interrupters: Vec<Interrupter>,
    ports: [Port; PORTS],
    slots: Vec<Option<Slot>>,
    devices: Devices,
    has_work: bool,
}

impl Xhci {
    pub(super) fn save_all(&self) -> SavedState {
        let state = State {
            function: self.function.save(),
            registers: self.registers,
            interrupters: self.interrupters.clone(),
            ports: self.ports,
            slots: self.slots.clone(),
            devices: self.devices.clone(),
            has_work: self.has_work,
        };
        SavedState::encode(VERSION, &state)
    }

    pub(super) fn restore_all(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let is_possible = state.interrupters.len() == usize::from(INTERRUPTERS)
            && state.interrupters.iter().all(Interrupter::is_possible)
            && state.slots.len() == SLOTS_MAX
            && state.slots.iter().flatten().all(Slot::is_possible)
            && state.devices.keyboard.function.is_possible()
            && state.devices.tablet.function.is_possible();
        if !is_possible {
            return Err(RestoreError::Impossible("no USB controller has these slots, rings or reports"));
        }
        self.function.restore(state.function)?;
        self.registers = state.registers;
        self.interrupters = state.interrupters;
        self.ports = state.ports;
        self.slots = state.slots;
        self.devices = state.devices;
        self.has_work = state.has_work;
        // Whoever restores a machine asks for all deadlines.
        self.announced = Nanos::MAX;
        Ok(())
    }
}
