//! A PCI Express root port: a bridge with a bus of its own (PCI-to-PCI Bridge Architecture 1.2, chapter 3; PCI Express
//! 4.0, 7.5.1.3 and 7.5.3).
//!
//! Its bus numbers decide where the function behind it is found, its ranges of memory and ports which BARs of that
//! function answer, and its bus master enable whether the function reaches memory and sends messages. Nothing is ever
//! plugged in or out, no error and no power event is ever reported: it has MSI and a pin as drivers want them, but never
//! interrupts. The pin of the function behind it comes in at the slot of the port.
//!
//! After power-on it is a bus master: a legacy BIOS switches that on for no bridge and expects it of whoever set the
//! chipset up before it.

use serde::{Deserialize, Serialize};
use spec::pci::{
    CACHE_LINE, COMMAND, COMMAND_IO, COMMAND_MASTER, COMMAND_MEMORY, HEADER_TYPE, SUBSYSTEM_VENDOR_ID,
};
use vmm_bus::{
    AccessSize, Attention, Context, Device, Inspector, Region,
    pci::{
        Bridge, ConfigSpace, ExpressRole, Forwarded, Identity, Place, config_space::ConfigState, express,
        msi::MsiCapability,
    },
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

#[cfg(test)]
mod tests;

const VERSION: u16 = 1;
/// The generic root port of virtual machines.
const IDENTITY: Identity = Identity {
    vendor: 0x1B36,
    device: 0x000C,
    subsystem_vendor: 0,
    subsystem: 0,
    class: 0x06_04_00,
    revision: 0,
};
/// Header type: a bridge.
const HEADER_BRIDGE: u8 = 1;
/// Primary, secondary and subordinate bus.
const BUSES: u16 = 0x18;
const SECONDARY_BUS: u16 = 0x19;
const SUBORDINATE_BUS: u16 = 0x1A;
/// Ports behind it: base and limit; 32-bit addresses.
const PORTS: u16 = 0x1C;
const PORTS_32_BIT: [u8; 2] = [0x01, 0x01];
/// Memory behind it: base and limit, twice two bytes; then prefetchable memory with 64-bit addresses.
const MEMORY: u16 = 0x20;
const PREFETCHABLE: u16 = 0x24;
const PREFETCHABLE_64_BIT: [u8; 4] = [0x01, 0x00, 0x01, 0x00];
/// Upper halves: prefetchable base and limit, then ports.
const PREFETCHABLE_UPPER: u16 = 0x28;
const PORTS_UPPER: u16 = 0x30;
/// Bits of an address below those of base and limit: of memory, and of ports.
const MEMORY_GRANULE_BITS: u32 = 20;
const PORTS_GRANULE_BITS: u32 = 12;
const BRIDGE_CONTROL: u16 = 0x3E;
/// Parity, SERR, ISA, VGA, 16-bit VGA; the bus is never reset for long.
const BRIDGE_CONTROL_WRITABLE: u8 = 0b0001_1111;
/// Bridge control: resets what lies behind. Reads back, as software sets and clears it.
const BRIDGE_CONTROL_RESET: u8 = 1 << 6;

#[derive(Serialize, Deserialize)]
struct State {
    config: ConfigState,
}

/// A root port.
#[derive(Clone, Debug)]
pub struct RootPort {
    config: ConfigSpace,
}

impl RootPort {
    /// The port at `place` on the root bus, whose pin INTA comes in at `interrupt`. `number` is its slot's, as a person
    /// counts. Whether something is behind it is decided when the machine is put together: a port without anything is
    /// not needed.
    pub fn new(place: Place, number: u8, interrupt: u8) -> Self {
        let mut config = ConfigSpace::new(&IDENTITY);
        config.set(HEADER_TYPE, &[HEADER_BRIDGE]);
        if place.function_number() != 0 {
            config.set_multifunction();
        }
        // Where other functions have a subsystem a bridge has addresses.
        config.set(SUBSYSTEM_VENDOR_ID, &[0; 4]);
        config.allow(CACHE_LINE, &[0xFF]);
        config.allow(BUSES, &[0xFF; 3]);
        config.set(PORTS, &PORTS_32_BIT);
        config.allow(PORTS, &[0xF0; 2]);
        config.allow(MEMORY, &[0xF0, 0xFF, 0xF0, 0xFF]);
        config.set(PREFETCHABLE, &PREFETCHABLE_64_BIT);
        config.allow(PREFETCHABLE, &[0xF0, 0xFF, 0xF0, 0xFF]);
        config.allow(PREFETCHABLE_UPPER, &[0xFF; 8]);
        config.allow(PORTS_UPPER, &[0xFF; 4]);
        config.allow(BRIDGE_CONTROL, &[BRIDGE_CONTROL_WRITABLE | BRIDGE_CONTROL_RESET, 0]);
        config.set(COMMAND, &COMMAND_MASTER.to_le_bytes());
        config.set_interrupt_pin(interrupt);
        express::add(&mut config, ExpressRole::RootPort { number });
        MsiCapability::add(&mut config);
        Self { config }
    }

    /// The bus behind it, if software gave it a number. With a range of buses that is empty it claims none.
    fn secondary(&self) -> Option<u8> {
        let (secondary, subordinate) = (self.config.byte(SECONDARY_BUS), self.config.byte(SUBORDINATE_BUS));
        (secondary != 0 && secondary <= subordinate).then_some(secondary)
    }

    fn memory(&self) -> Forwarded {
        let address = |offset| u64::from(self.config.word(offset)) << 16;
        range(address(MEMORY), address(MEMORY + 2), MEMORY_GRANULE_BITS)
    }

    fn prefetchable(&self) -> Forwarded {
        let upper = |offset| u64::from(self.config.dword(offset)) << 32;
        let lower = |offset| u64::from(self.config.word(offset)) << 16;
        let base = upper(PREFETCHABLE_UPPER) | lower(PREFETCHABLE);
        let limit = upper(PREFETCHABLE_UPPER + 4) | lower(PREFETCHABLE + 2);
        range(base, limit, MEMORY_GRANULE_BITS)
    }

    fn ports(&self) -> Forwarded {
        let upper = |offset| u64::from(self.config.word(offset)) << 16;
        let lower = |offset| u64::from(self.config.byte(offset)) << 8;
        let base = upper(PORTS_UPPER) | lower(PORTS);
        let limit = upper(PORTS_UPPER + 2) | lower(PORTS + 1);
        range(base, limit, PORTS_GRANULE_BITS)
    }
}

/// The range that base and limit registers say: their bits below the granule are flags.
fn range(base: u64, limit: u64, granule_bits: u32) -> Forwarded {
    let below = (1u64 << granule_bits) - 1;
    Forwarded { first: base & !below, last: limit | below }
}

impl Device for RootPort {
    fn name(&self) -> &'static str {
        "root port"
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
        inspector.number("secondary bus", u64::from(self.config.byte(SECONDARY_BUS)));
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.config.read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        let before = self.bridge();
        self.config.write(offset, size, value);
        if before != self.bridge() {
            context.effects.note(Attention::WINDOWS);
        }
    }

    fn bridge(&self) -> Option<Bridge> {
        let command = self.config.command();
        let (decodes_memory, decodes_ports) = (command & COMMAND_MEMORY != 0, command & COMMAND_IO != 0);
        Some(Bridge {
            secondary: self.secondary(),
            memory: [self.memory(), self.prefetchable()].map(|range| decodes_memory.then_some(range)),
            ports: decodes_ports.then(|| self.ports()),
            is_master: command & COMMAND_MASTER != 0,
        })
    }
}
