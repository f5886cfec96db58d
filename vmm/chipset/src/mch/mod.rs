//! The Q35's memory controller hub, PCI function 00:00.0 (Intel 3 Series Express Chipset Family data sheet, chapter 5).
//!
//! - PCIEXBAR opens memory-mapped configuration space: [`Space::Configuration`].
//! - PAM registers say what shows from 0xC0000 to 0xFFFFF ([`Shadow`]): after a reset the end of the firmware, which
//!   copies itself to the RAM there, makes that readable, and write-protects it when it is done.
//! - SMRAM is locked and closed: there is no system management mode.
//! - TOLUD says where RAM below 4 GiB ends.
//!
//! [`Space::Configuration`]: vmm_bus::pci::Space::Configuration

use crate::byte_ports::{read_bytewise, write_bytewise};
use alloc::vec::Vec;
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use vmm_bus::{
    AccessSize, Attention, Context, Device, DirectRange, Inspector, Region,
    pci::{ConfigSpace, Identity, Space, Window, config_space::ConfigState},
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

mod shadow;
#[cfg(test)]
mod tests;

pub use shadow::{SHADOW_BYTES, SHADOW_START, Shadow};

use shadow::PAM_REGISTERS;

const VERSION: u16 = 1;
const IDENTITY: Identity = Identity {
    vendor: 0x8086,
    device: 0x29C0,
    subsystem_vendor: 0x1AF4,
    subsystem: 0x1100,
    class: 0x06_00_00,
    revision: 0,
};
/// The region of configuration space; nobody sees it, the bus answers itself.
const REGION: Region = Region(0);
/// The region of the memory from [`SHADOW_START`] on.
pub const SHADOW_REGION: Region = Region(1);
/// Where configuration space is, and how large: eight bytes.
const PCIEXBAR: u16 = 0x60;
const PCIEXBAR_ENABLED: u64 = 1;
const PCIEXBAR_ADDRESS: u64 = 0xF_FC00_0000;
const PCIEXBAR_WRITABLE: u64 = PCIEXBAR_ADDRESS | 0b111;
/// After power-on it is off; the address is the one that firmware uses.
const PCIEXBAR_RESET: u64 = 0xB000_0000;
const MIB: u64 = 1 << 20;
/// Programmable attribute maps: one byte for 0xF0000, six for two segments each of what lies below.
const PAM: u16 = 0x90;
const PAM_WRITABLE: [u8; PAM_REGISTERS] = [0x30, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33];
/// System management RAM: compatible segment, locked.
const SMRAM: u16 = 0x9D;
const SMRAM_LOCKED: u8 = 0x12;
/// Extended SMRAM: caching is off, as the data sheet says.
const ESMRAMC: u16 = 0x9E;
const ESMRAMC_RESET: u8 = 0x38;
/// Top of low usable RAM, in the upper 12 bits.
const TOLUD: u16 = 0xB0;

#[derive(Serialize, Deserialize)]
struct State {
    config: ConfigState,
}

/// The memory controller hub.
pub struct Mch {
    shadow: Shadow,
    config: ConfigSpace,
    windows: Vec<Window>,
}

impl Mch {
    /// The hub of a machine whose RAM below 4 GiB ends at `low_ram_end`, with this below 1 MiB.
    pub fn new(low_ram_end: Gpa, shadow: Shadow) -> Self {
        let mut config = ConfigSpace::new(&IDENTITY);
        config.set(PCIEXBAR, &PCIEXBAR_RESET.to_le_bytes());
        config.allow(PCIEXBAR, &PCIEXBAR_WRITABLE.to_le_bytes());
        config.allow(PAM, &PAM_WRITABLE);
        config.set(SMRAM, &[SMRAM_LOCKED]);
        config.set(ESMRAMC, &[ESMRAMC_RESET]);
        let top = ((low_ram_end.raw() / MIB) & 0xFFF) as u16;
        config.set(TOLUD, &(top << 4).to_le_bytes());
        Self { shadow, config, windows: Vec::new() }
    }

    /// The attributes of the memory below 1 MiB.
    fn pam(&self) -> [u8; PAM_REGISTERS] {
        let [first, second] = [PAM, PAM + 4].map(|offset| self.config.dword(offset).to_le_bytes());
        let [a, b, c, d] = first;
        let [e, f, g, _] = second;
        [a, b, c, d, e, f, g]
    }

    /// What PCIEXBAR opens.
    fn decode(&self) -> Vec<Window> {
        let [low, high] = [PCIEXBAR, PCIEXBAR + 4].map(|offset| u64::from(self.config.dword(offset)));
        let register = high << 32 | low;
        let bytes = match register >> 1 & 3 {
            0 => 256 * MIB,
            1 => 128 * MIB,
            2 => 64 * MIB,
            _ => return Vec::new(),
        };
        if register & PCIEXBAR_ENABLED == 0 {
            return Vec::new();
        }
        let start = register & PCIEXBAR_ADDRESS & !(bytes - 1);
        Vec::from([Window { region: REGION, space: Space::Configuration, start, bytes }])
    }
}

impl Device for Mch {
    fn name(&self) -> &'static str {
        "mch"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        if region != SHADOW_REGION {
            return size.ones();
        }
        let pam = self.pam();
        read_bytewise(offset, size, |offset| self.shadow.read(pam, offset, context))
    }

    fn write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        if region == SHADOW_REGION {
            let pam = self.pam();
            write_bytewise(offset, size, value, |offset, byte| {
                self.shadow.write(pam, (offset, byte), context);
            });
        }
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        self.config.reset();
        self.windows = self.decode();
        context.effects.note(Attention::DIRECT);
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &State { config: self.config.save() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        self.config.restore(&state.config)?;
        self.windows = self.decode();
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("pciexbar", self.windows.first().map_or(0, |window| window.start));
        inspector.number("pam", u64::from(self.config.dword(PAM)));
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.config.read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        let pam = self.pam();
        self.config.write(offset, size, value);
        if pam != self.pam() {
            context.effects.note(Attention::DIRECT);
        }
        let windows = self.decode();
        if windows != self.windows {
            self.windows = windows;
            context.effects.note(Attention::WINDOWS);
        }
    }

    fn windows(&self) -> &[Window] {
        &self.windows
    }

    fn direct_ranges(&self, visit: &mut dyn FnMut(DirectRange)) {
        self.shadow.direct_ranges(self.pam(), visit);
    }
}
