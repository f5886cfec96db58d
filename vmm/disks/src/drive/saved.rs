//! A drive, saved.

use super::{Content, Direction, Drive, Kind, Phase, Transfer, data_register::BLOCK_BYTES_MAX};
use crate::{disk::DiskState, optical::OpticalState, registers::Registers};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::ata::PACKET_BYTES;
use vmm_bus::Volume;
use vmm_snapshot::RestoreError;

/// Bytes that a drive answers or takes by itself at the most.
const ANSWER_BYTES_MAX: usize = 1 << 17;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum KindState {
    Disk(DiskState),
    Optical(OpticalState),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum PhaseState {
    Idle,
    Packet,
    Data(Transfer),
}

/// What is saved of a drive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct DriveState {
    registers: Registers,
    kind: KindState,
    phase: PhaseState,
    answer: Vec<u8>,
    block: Vec<u8>,
    position: u32,
    interrupt: bool,
}

impl<V: Volume> Drive<V> {
    pub(crate) fn save(&self) -> DriveState {
        DriveState {
            registers: self.registers,
            kind: match &self.kind {
                Kind::Disk(disk) => KindState::Disk(disk.save()),
                Kind::Optical(optical) => KindState::Optical(optical.save()),
            },
            phase: match self.phase {
                Phase::Idle => PhaseState::Idle,
                Phase::Packet => PhaseState::Packet,
                Phase::Data(transfer) => PhaseState::Data(transfer),
            },
            answer: self.answer.clone(),
            block: self.block.clone(),
            position: u32::try_from(self.position).unwrap_or(u32::MAX),
            interrupt: self.interrupt,
        }
    }

    pub(crate) fn restore(&mut self, state: DriveState) -> Result<(), RestoreError> {
        match (&mut self.kind, state.kind) {
            (Kind::Disk(disk), KindState::Disk(saved)) => disk.restore(saved)?,
            (Kind::Optical(optical), KindState::Optical(saved)) => optical.restore(saved)?,
            _ => return Err(RestoreError::Impossible("the drive is of another kind than the saved one")),
        }
        let position = usize::try_from(state.position).unwrap_or(usize::MAX);
        let fits = state.answer.len() <= ANSWER_BYTES_MAX
            && state.block.len() <= BLOCK_BYTES_MAX
            && (position < state.block.len() || position == 0);
        if !fits {
            return Err(RestoreError::Impossible("a drive does not keep that much data"));
        }
        self.phase = match state.phase {
            PhaseState::Idle => Phase::Idle,
            PhaseState::Packet if self.is_optical() && matches!(state.block.len(), 0 | PACKET_BYTES) => {
                Phase::Packet
            }
            PhaseState::Data(transfer) if transfer.left > 0 && self.may_move(transfer) => {
                Phase::Data(transfer)
            }
            PhaseState::Packet | PhaseState::Data(_) => {
                return Err(RestoreError::Impossible("the drive cannot be in that phase"));
            }
        };
        self.registers = state.registers;
        self.answer = state.answer;
        self.block = state.block;
        self.position = position;
        self.interrupt = state.interrupt;
        Ok(())
    }

    /// Whether a command of this drive could have asked for the transfer.
    fn may_move(&self, transfer: Transfer) -> bool {
        let writes =
            transfer.direction == Direction::ToDrive && matches!(transfer.content, Content::Volume(_));
        match &self.kind {
            Kind::Disk(disk) => !writes || !disk.is_read_only(),
            Kind::Optical(_) => !writes,
        }
    }
}
