//! A disk, saved.

use super::{Disk, Settings, features::MULTIPLE_MAX, shape::Shape};
use serde::{Deserialize, Serialize};
use vmm_bus::Volume;
use vmm_snapshot::RestoreError;

/// What is saved of a disk, and what must not change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct DiskState {
    sectors: u64,
    is_read_only: bool,
    settings: Settings,
}

impl<V: Volume> Disk<V> {
    pub(crate) fn save(&self) -> DiskState {
        DiskState { sectors: self.sectors, is_read_only: self.is_read_only(), settings: self.settings }
    }

    pub(crate) fn restore(&mut self, state: DiskState) -> Result<(), RestoreError> {
        if state.sectors != self.sectors || state.is_read_only != self.is_read_only() {
            return Err(RestoreError::Impossible("the disk has another size or access than the saved one"));
        }
        let Shape { heads, track_sectors, .. } = state.settings.shape;
        let is_possible = state.settings.multiple <= MULTIPLE_MAX
            && Shape::new(self.sectors, heads, track_sectors).is_some()
            && super::features::is_transfer_mode(state.settings.mode);
        if !is_possible {
            return Err(RestoreError::Impossible("no disk has these settings"));
        }
        self.settings = state.settings;
        Ok(())
    }
}
