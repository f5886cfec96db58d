//! PCI function 00:00.0: the host bridge. It has registers only so that software finds a bridge; the
//! bus itself decodes ports 0xCF8/0xCFC and ECAM.

use serde::{Deserialize, Serialize};
use vmm_bus::{
    AccessSize, Context, Device, Inspector, Region,
    pci::{ConfigSpace, Identity, config_space::ConfigState},
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;
/// The generic PCI Express host bridge of virtual machines.
const IDENTITY: Identity = Identity {
    vendor: 0x1B36,
    device: 0x0008,
    subsystem_vendor: 0x1AF4,
    subsystem: 0x1100,
    class: 0x06_00_00,
    revision: 0,
};

#[derive(Serialize, Deserialize)]
struct State {
    config: ConfigState,
}

/// The host bridge.
#[derive(Clone, Debug)]
pub struct HostBridge {
    config: ConfigSpace,
}

impl Default for HostBridge {
    fn default() -> Self {
        Self::new()
    }
}

impl HostBridge {
    /// A host bridge.
    pub fn new() -> Self {
        Self { config: ConfigSpace::new(&IDENTITY) }
    }
}

impl Device for HostBridge {
    fn name(&self) -> &'static str {
        "host bridge"
    }

    fn read(&mut self, _region: Region, _offset: u64, size: AccessSize, _context: &mut Context<'_>) -> u64 {
        size.ones()
    }

    fn write(&mut self, _: Region, _: u64, _: AccessSize, _: u64, _: &mut Context<'_>) {}

    fn reset(&mut self, _context: &mut Context<'_>) {
        self.config.reset();
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &State { config: self.config.save() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        self.config.restore(&state.config)
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("command", u64::from(self.config.command()));
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.config.read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, _context: &mut Context<'_>) {
        // There is no BAR that could move.
        self.config.write(offset, size, value);
    }
}
