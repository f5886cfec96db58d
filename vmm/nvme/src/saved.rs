//! The controller, saved.

use crate::{
    admin::EVENTS_MAX,
    controller::{Nvme, QUEUES_MAX, Registers, Session},
    io::Counters,
    queues::{Completion, Submission},
};
use serde::{Deserialize, Serialize};
use vmm_bus::{Volume, pci::FunctionState, volume::Access};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    function: FunctionState,
    blocks: u64,
    is_read_only: bool,
    registers: Registers,
    session: Session,
    counters: Counters,
}

impl<V: Volume> Nvme<V> {
    fn is_read_only(&self) -> bool {
        self.config.access == Access::ReadOnly
    }

    pub(crate) fn save_all(&self) -> SavedState {
        let state = State {
            function: self.function.save(),
            blocks: self.blocks,
            is_read_only: self.is_read_only(),
            registers: self.registers,
            session: self.session.clone(),
            counters: self.counters,
        };
        SavedState::encode(VERSION, &state)
    }

    pub(crate) fn restore_all(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        if state.blocks != self.blocks || state.is_read_only != self.is_read_only() {
            return Err(RestoreError::Impossible("the disk has another size or access than the saved one"));
        }
        let session = &state.session;
        let has_queues = |count: usize| count == usize::from(QUEUES_MAX) || count == 0;
        let is_possible = has_queues(session.submissions.len())
            && has_queues(session.completions.len())
            && session.submissions.iter().flatten().all(Submission::is_possible)
            && session.completions.iter().flatten().all(Completion::is_possible)
            && session.events.len() <= EVENTS_MAX
            && session.turn < QUEUES_MAX
            && !(session.zeroing.is_some() && self.is_read_only());
        if !is_possible {
            return Err(RestoreError::Impossible("no controller has these queues"));
        }
        self.function.restore(state.function)?;
        self.registers = state.registers;
        self.session = state.session;
        self.counters = state.counters;
        Ok(())
    }
}
