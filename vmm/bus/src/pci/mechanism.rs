//! How processors name a register of configuration space: ports and ECAM.

use crate::access::AccessSize;
use serde::{Deserialize, Serialize};
use spec::pci::{CONFIG_ADDRESS_ENABLE, ECAM_FUNCTION_BYTES};

/// Slots of the bus.
pub const SLOTS: usize = 32;
/// Bytes of ECAM for one bus: 32 slots of eight functions.
pub const ECAM_BUS_BYTES: u64 = ECAM_FUNCTION_BYTES * 8 * SLOTS as u64;

/// A slot of bus 0, below [`SLOTS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Slot(u8);

impl Slot {
    /// The slot with this number, if there is one.
    pub const fn new(number: u8) -> Option<Self> {
        if (number as usize) < SLOTS { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// A register of a function that exists in principle: function 0 of a slot of bus 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfigRegister {
    /// The slot.
    pub slot: Slot,
    /// Offset in its configuration space, below 4096.
    pub offset: u16,
}

impl ConfigRegister {
    /// What an ECAM access at `offset` names, or `None` for another bus or function (PCI Express 4.0, 7.2.2).
    pub fn from_ecam(offset: u64) -> Option<Self> {
        let function = offset / ECAM_FUNCTION_BYTES;
        if function & 7 != 0 {
            return None;
        }
        let slot = u8::try_from(function >> 3).ok().and_then(Slot::new)?;
        Some(Self { slot, offset: (offset % ECAM_FUNCTION_BYTES) as u16 })
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
        let is_enabled = self.0 & CONFIG_ADDRESS_ENABLE != 0;
        let bus_and_function = self.0 & 0x00FF_0700;
        if !is_enabled || bus_and_function != 0 {
            return None;
        }
        let slot = Slot::new((self.0 >> 11) as u8 & 0x1F)?;
        let offset = (self.0 & 0xFC) as u16 | (port_offset & 3) as u16;
        Some(ConfigRegister { slot, offset })
    }
}
