//! The controller, saved with its drives.

use super::{
    Ahci, PORTS,
    port::{PortRegisters, PortState},
};
use crate::drive::DriveState;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::ahci::{GHC_AHCI, GHC_INTERRUPTS};
use vmm_bus::{Volume, pci::FunctionState};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    function: FunctionState,
    control: u32,
    waiting: u32,
    ports: Vec<SavedPort>,
}

#[derive(Serialize, Deserialize)]
struct SavedPort {
    registers: PortRegisters,
    state: PortState,
    drive: Option<DriveState>,
}

impl<V: Volume> Ahci<V> {
    pub(super) fn save_all(&self) -> SavedState {
        let ports = self.ports.iter().map(|port| SavedPort {
            registers: port.registers,
            state: port.state,
            drive: port.drive().map(|drive| drive.save()),
        });
        let state = State {
            function: self.function.save(),
            control: self.control,
            waiting: self.waiting,
            ports: ports.collect(),
        };
        SavedState::encode(VERSION, &state)
    }

    pub(super) fn restore_all(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        if state.ports.len() != PORTS {
            return Err(RestoreError::Impossible("the number of ports differs"));
        }
        self.function.restore(state.function)?;
        self.control = state.control & GHC_INTERRUPTS | GHC_AHCI;
        self.waiting = state.waiting;
        for (port, saved) in self.ports.iter_mut().zip(state.ports) {
            match (&mut port.drive, saved.drive) {
                (Some(drive), Some(state)) => drive.restore(state)?,
                (None, None) => {}
                _ => return Err(RestoreError::Impossible("a port has a drive that the saved one had not")),
            }
            if saved.state.current.is_some_and(|active| !active.is_possible()) {
                return Err(RestoreError::Impossible("no port can be in that command"));
            }
            port.registers = saved.registers;
            port.state = saved.state;
        }
        Ok(())
    }
}
