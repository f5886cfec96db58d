//! Saves and restores all devices of a machine.

use crate::{Bus, interrupt::PINS, pci::ConfigAddress};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_snapshot::{RestoreError, SaveError, SavedState, Snapshot, SnapshotWriter};

/// Name of the bus' own section.
const NAME: &str = "bus";
/// Version of the bus' own section.
const VERSION: u16 = 2;

/// What the bus itself remembers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct BusState {
    config_address: u32,
    asserting: [u64; PINS],
    muted: [u64; PINS],
}

impl Bus {
    /// Adds the state of the bus, the controller and all devices.
    pub fn save(&self, writer: &mut SnapshotWriter) -> Result<(), SaveError> {
        let state = BusState {
            config_address: self.config_address.value(),
            asserting: *self.pins.asserting(),
            muted: *self.pins.muted(),
        };
        writer.add(NAME, 0, &SavedState::encode(VERSION, &state))?;
        writer.add(self.controller().name(), 0, &self.controller().save())?;
        for (position, device) in self.devices().iter().enumerate() {
            writer.add(device.name(), self.instance(position), &device.save())?;
        }
        Ok(())
    }

    /// Restores all of it into a machine that was built the same way. Sections of other parts of the
    /// VMM may stand beside them. After an error the machine is in no particular state: give it up.
    pub fn restore(&mut self, snapshot: &Snapshot<'_>) -> Result<(), RestoreError> {
        let state: BusState = snapshot.find(NAME, 0)?.decode(VERSION)?;
        self.config_address = ConfigAddress::new(state.config_address);
        self.pins.restore(state.asserting, state.muted);
        let saved = snapshot.find(self.controller().name(), 0)?;
        self.controller_mut().restore(saved)?;
        let instances: Vec<u32> = (0..self.devices().len()).map(|position| self.instance(position)).collect();
        for (device, instance) in self.devices_mut().iter_mut().zip(instances) {
            let saved = snapshot.find(device.name(), instance)?;
            device.restore(saved)?;
        }
        self.map_windows();
        Ok(())
    }

    /// Whether a section belongs to this bus: for [`Snapshot::refuse_unknown`].
    pub fn knows_section(&self, name: &str, instance: u32) -> bool {
        let is_own = (name == NAME || name == self.controller().name()) && instance == 0;
        let has_device = (0..self.devices().len())
            .any(|position| self.device_name(position) == Some(name) && self.instance(position) == instance);
        is_own || has_device
    }

    /// How many devices of the same name come before the one at `position`.
    fn instance(&self, position: usize) -> u32 {
        let name = self.device_name(position);
        let before =
            self.devices().iter().take(position).filter(|device| Some(device.name()) == name).count();
        u32::try_from(before).unwrap_or(u32::MAX)
    }

    fn device_name(&self, position: usize) -> Option<&'static str> {
        self.devices().get(position).map(|device| device.name())
    }
}
