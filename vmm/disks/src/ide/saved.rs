//! The controller, saved with its drives.

use super::{CHANNELS, DRIVES, Ide, bus_master::BusMaster};
use crate::drive::DriveState;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_bus::{Volume, pci::FunctionState};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    function: FunctionState,
    channels: Vec<SavedChannel>,
}

#[derive(Serialize, Deserialize)]
struct SavedChannel {
    master: BusMaster,
    selects_second: bool,
    control: u8,
    asserted: bool,
    drives: [Option<DriveState>; DRIVES],
}

impl<V: Volume> Ide<V> {
    pub(super) fn save_all(&self) -> SavedState {
        let channels = self.channels.iter().map(|channel| SavedChannel {
            master: channel.master,
            selects_second: channel.selects_second,
            control: channel.control,
            asserted: channel.asserted,
            drives: [0, 1].map(|index| channel.drive(index).map(|drive| drive.save())),
        });
        let state = State { function: self.function.save(), channels: channels.collect() };
        SavedState::encode(VERSION, &state)
    }

    pub(super) fn restore_all(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        if state.channels.len() != CHANNELS {
            return Err(RestoreError::Impossible("the number of channels differs"));
        }
        self.function.restore(state.function)?;
        for (channel, saved) in self.channels.iter_mut().zip(state.channels) {
            for (drive, saved) in channel.drives.iter_mut().zip(saved.drives) {
                match (drive, saved) {
                    (Some(drive), Some(state)) => drive.restore(state)?,
                    (None, None) => {}
                    _ => {
                        return Err(RestoreError::Impossible(
                            "the drives are not those of the saved machine",
                        ));
                    }
                }
            }
            if !saved.master.is_possible() {
                return Err(RestoreError::Impossible("no bus master can be in that transfer"));
            }
            channel.master = saved.master;
            channel.selects_second = saved.selects_second;
            channel.control = saved.control;
            channel.asserted = saved.asserted;
        }
        Ok(())
    }
}
