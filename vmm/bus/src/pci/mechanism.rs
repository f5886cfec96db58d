//! How processors name a register of configuration space: ports and ECAM.

use crate::access::AccessSize;
use serde::{Deserialize, Serialize};
use spec::pci::{CONFIG_ADDRESS_ENABLE, ECAM_FUNCTION_BYTES};

/// Slots of one bus.
pub const SLOTS: u8 = 32;
/// Functions of one slot.
pub const FUNCTIONS: u8 = 8;
/// Bytes of ECAM for one bus: 32 slots of eight functions.
pub const ECAM_BUS_BYTES: u64 = ECAM_FUNCTION_BYTES * FUNCTIONS as u64 * SLOTS as u64;

/// A function's place on its bus.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    slot: u8,
    function: u8,
}

impl Place {
    /// Function 0 of a slot, if there is such a slot.
    pub const fn slot(number: u8) -> Option<Self> {
        Self::new(number, 0)
    }

    /// Any function of a slot, if slot and function exist.
    pub const fn new(slot: u8, function: u8) -> Option<Self> {
        if slot < SLOTS && function < FUNCTIONS { Some(Self { slot, function }) } else { None }
    }

    /// Number of the slot, below [`SLOTS`].
    pub const fn slot_number(self) -> u8 {
        self.slot
    }

    /// Number of the function, below [`FUNCTIONS`].
    pub const fn function_number(self) -> u8 {
        self.function
    }

    /// The place that the low byte of a requester id names.
    const fn from_devfn(byte: u8) -> Self {
        Self { slot: byte >> 3, function: byte & 7 }
    }
}

/// A register of a function that exists in principle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfigRegister {
    /// Number of the bus, as software gave it to the bridge above.
    pub bus: u8,
    /// Where on the bus.
    pub place: Place,
    /// Offset in its configuration space, below 4096.
    pub offset: u16,
}

impl ConfigRegister {
    /// What an ECAM access at `offset` names, or `None` behind the last bus (PCI Express 4.0, 7.2.2).
    pub fn from_ecam(offset: u64) -> Option<Self> {
        let bus = u8::try_from(offset / ECAM_BUS_BYTES).ok()?;
        let place = Place::from_devfn((offset / ECAM_FUNCTION_BYTES) as u8);
        Some(Self { bus, place, offset: (offset % ECAM_FUNCTION_BYTES) as u16 })
    }

    /// Whether an access of `size` here is one that configuration space answers: aligned, four bytes at most.
    pub fn takes(&self, size: AccessSize) -> bool {
        size <= AccessSize::Dword && u64::from(self.offset).is_multiple_of(size.bytes())
    }
}

/// The address latch at port 0xCF8 (PCI 3.0, 3.2.2.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ConfigAddress(u32);

impl ConfigAddress {
    /// Latches what software wrote; reserved bits read as zero.
    pub fn new(value: u32) -> Self {
        Self(value & 0x80FF_FFFC)
    }

    /// What it reads as.
    pub fn value(self) -> u32 {
        self.0
    }

    /// What data port `port_offset` (0 to 3) names now.
    pub fn register(self, port_offset: u64) -> Option<ConfigRegister> {
        if self.0 & CONFIG_ADDRESS_ENABLE == 0 {
            return None;
        }
        let [register, devfn, bus, _] = self.0.to_le_bytes();
        let offset = u16::from(register & 0xFC) | (port_offset & 3) as u16;
        Some(ConfigRegister { bus, place: Place::from_devfn(devfn), offset })
    }
}
