//! A PCI Express root port: a bridge with a bus of its own (PCI-to-PCI Bridge Architecture 1.2, chapter 3; PCI Express
//! 4.0, 7.5.1.3 and 7.5.3).
//!
//! Its bus number decides where the functions behind it are found. Its memory and port ranges remember what software
//! writes; functions behind it answer wherever their own BARs are. Nothing is ever plugged in or out, so that it has
//! no interrupt.

use serde::{Deserialize, Serialize};
use spec::pci::{CACHE_LINE, HEADER_TYPE, SUBSYSTEM_VENDOR_ID};
use vmm_bus::{
    AccessSize, Attention, Context, Device, Inspector, Region,
    pci::{BridgeBuses, ConfigSpace, Identity, Place, config_space::ConfigState},
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
const BRIDGE_CONTROL: u16 = 0x3E;
/// Parity, SERR, ISA, VGA, 16-bit VGA; the bus is never reset for long.
const BRIDGE_CONTROL_WRITABLE: u8 = 0b0001_1111;
/// Bridge control: resets what lies behind. Reads back, as software sets and clears it.
const BRIDGE_CONTROL_RESET: u8 = 1 << 6;

const CAPABILITY_EXPRESS: u8 = 0x10;
/// Version 2, a root port, with a slot.
const EXPRESS_KIND: u16 = 2 | 4 << 4 | 1 << 8;
/// Link capabilities: 2.5 GT/s, one lane; the port's number follows in the upper byte.
const LINK_CAPABILITIES: u32 = 1 | 1 << 4;
/// Link status: 2.5 GT/s, one lane, and the link is up if something is there.
const LINK_STATUS: u16 = 1 | 1 << 4;
/// Slot status: something is plugged in.
const SLOT_PRESENT: u16 = 1 << 6;
/// Bytes of the capability behind id and link.
const EXPRESS_BYTES: usize = 58;

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
    /// The port at `place` on the root bus. `number` is its slot's, as a person counts. Whether something is behind it
    /// is decided when the machine is put together: a port without anything is not needed.
    pub fn new(place: Place, number: u8) -> Self {
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
        add_express(&mut config, number);
        Self { config }
    }

    /// The number that software gave the bus behind it.
    fn secondary(&self) -> u8 {
        self.config.byte(SECONDARY_BUS)
    }
}

fn add_express(config: &mut ConfigSpace, number: u8) {
    let mut body = [0; EXPRESS_BYTES];
    let mut writable = [0; EXPRESS_BYTES];
    let mut put = |offset: usize, content: &[u8], mask: &[u8]| {
        for (place, byte) in body.iter_mut().skip(offset).zip(content) {
            *place = *byte;
        }
        for (place, byte) in writable.iter_mut().skip(offset).zip(mask) {
            *place = *byte;
        }
    };
    // Offsets are those of the capability less two for id and link.
    put(0, &EXPRESS_KIND.to_le_bytes(), &[]);
    // Device control: error reports, payload sizes, relaxed ordering.
    put(6, &[0; 2], &[0xFF, 0x7F]);
    let link = LINK_CAPABILITIES | u32::from(number) << 24;
    put(10, &link.to_le_bytes(), &[]);
    // Link control: power states, common clock.
    put(14, &[0; 2], &[0xC3, 0x00]);
    put(16, &LINK_STATUS.to_le_bytes(), &[]);
    // Slot: its number in the upper bits; nothing can be plugged.
    let slot = u32::from(number) << 19;
    put(18, &slot.to_le_bytes(), &[]);
    put(24, &SLOT_PRESENT.to_le_bytes(), &[]);
    // Root control: error reports, PME.
    put(26, &[0; 2], &[0x0F, 0x00]);
    // Link control 2: 2.5 GT/s.
    put(46, &[1, 0], &[]);
    config.add_capability(CAPABILITY_EXPRESS, &body, &writable);
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
        inspector.number("secondary bus", u64::from(self.secondary()));
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.config.read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        let before = self.secondary();
        self.config.write(offset, size, value);
        if before != self.secondary() {
            context.effects.note(Attention::WINDOWS);
        }
    }

    fn bridge(&self) -> Option<BridgeBuses> {
        let secondary = self.secondary();
        (secondary != 0).then_some(BridgeBuses { secondary })
    }
}
