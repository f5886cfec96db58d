//! A CD-ROM drive, saved.

use super::{Optical, Settings};
use serde::{Deserialize, Serialize};
use vmm_bus::Volume;
use vmm_snapshot::RestoreError;

/// What is saved of a drive, and what must not change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct OpticalState {
    medium_bytes: Option<u64>,
    settings: Settings,
}

impl<V: Volume> Optical<V> {
    pub(crate) fn save(&self) -> OpticalState {
        OpticalState {
            medium_bytes: self.medium.as_ref().map(|medium| medium.bytes()),
            settings: self.settings,
        }
    }

    pub(crate) fn restore(&mut self, state: OpticalState) -> Result<(), RestoreError> {
        if state.medium_bytes != self.medium.as_ref().map(|medium| medium.bytes()) {
            return Err(RestoreError::Impossible("the disc has another size than the saved one"));
        }
        self.settings = state.settings;
        Ok(())
    }
}
