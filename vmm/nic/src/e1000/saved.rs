//! The card, saved.

use super::{
    Control, E1000, RINGS_MAX,
    eeprom::EepromState,
    filter::Filter,
    interrupts::Interrupts,
    phy::Phy,
    plain,
    ring::Ring,
    statistics,
    transmit::{PACKET_BYTES_MAX, Transmitter},
};
use crate::Wire;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_bus::pci::FunctionState;
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    function: FunctionState,
    control: Control,
    plain: Vec<u32>,
    interrupts: Interrupts,
    eeprom: EepromState,
    phy: Phy,
    filter: Filter,
    statistics: Vec<u32>,
    receive_rings: [Ring; RINGS_MAX],
    transmitters: [Transmitter; RINGS_MAX],
    has_work: bool,
}

impl<W: Wire> E1000<W> {
    pub(super) fn save_all(&self) -> SavedState {
        let state = State {
            function: self.function.save(),
            control: self.control,
            plain: self.plain.clone(),
            interrupts: self.interrupts,
            eeprom: self.eeprom.state,
            phy: self.phy,
            filter: self.filter.clone(),
            statistics: self.statistics.registers.clone(),
            receive_rings: self.receive_rings,
            transmitters: self.transmitters.clone(),
            has_work: self.has_work,
        };
        SavedState::encode(VERSION, &state)
    }

    pub(super) fn restore_all(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let is_possible = plain::is_complete(&state.plain)
            && state.filter.is_possible()
            && state.statistics.len() == statistics::REGISTERS
            && state.transmitters.iter().all(|transmitter| transmitter.packet.len() <= PACKET_BYTES_MAX);
        if !is_possible {
            return Err(RestoreError::Impossible("no network card has these registers"));
        }
        self.function.restore(state.function)?;
        self.control = state.control;
        self.plain = state.plain;
        self.interrupts = state.interrupts;
        self.eeprom.state = state.eeprom;
        self.phy = state.phy;
        self.filter = state.filter;
        self.statistics.registers = state.statistics;
        self.receive_rings = state.receive_rings;
        self.transmitters = state.transmitters;
        self.has_work = state.has_work;
        Ok(())
    }
}
