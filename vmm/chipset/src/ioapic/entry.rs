//! One redirection table entry.

use serde::{Deserialize, Serialize};
use vmm_bus::Msi;

const VECTOR: u64 = 0xFF;
const LOGICAL: u64 = 1 << 11;
/// Delivery status: always "idle" here, because messages are sent at once.
const STATUS: u64 = 1 << 12;
const REMOTE_IRR: u64 = 1 << 14;
const LEVEL: u64 = 1 << 15;
const MASKED: u64 = 1 << 16;
/// Bits that software may write: all defined ones but delivery status and remote IRR.
const WRITABLE: u64 = 0xFF00_0000_0001_FFFF & !(STATUS | REMOTE_IRR);

/// Where message-signalled interrupts go (Intel SDM vol. 3, 11.11.1).
const MESSAGE_BASE: u64 = 0xFEE0_0000;
/// Message data bit: the level is "assert" (Intel SDM vol. 3, 11.11.2).
const MESSAGE_ASSERT: u32 = 1 << 14;
/// Message data bit: level-triggered.
const MESSAGE_LEVEL: u32 = 1 << 15;

/// Where and how one pin is delivered (82093AA, 3.2.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Entry(u64);

impl Entry {
    /// After power-on every pin is masked.
    pub(super) const RESET: Self = Self(MASKED);

    pub(super) fn raw(self) -> u64 {
        self.0
    }

    /// Takes over what software writes. A pin that becomes edge-triggered is no longer in service.
    pub(super) fn write(self, value: u64) -> Self {
        let kept = if value & LEVEL != 0 { self.0 & REMOTE_IRR } else { 0 };
        Self(value & WRITABLE | kept)
    }

    pub(super) fn is_masked(self) -> bool {
        self.0 & MASKED != 0
    }

    pub(super) fn is_level(self) -> bool {
        self.0 & LEVEL != 0
    }

    pub(super) fn is_in_service(self) -> bool {
        self.0 & REMOTE_IRR != 0
    }

    pub(super) fn set_in_service(&mut self, in_service: bool) {
        if in_service {
            self.0 |= REMOTE_IRR;
        } else {
            self.0 &= !REMOTE_IRR;
        }
    }

    pub(super) fn vector(self) -> u8 {
        (self.0 & VECTOR) as u8
    }

    /// The entry as a message. Destination, mode and delivery mode stand in the same order in both.
    pub(super) fn message(self) -> Msi {
        let destination = self.0 >> 56;
        let logical = u64::from(self.0 & LOGICAL != 0);
        let trigger = if self.is_level() { MESSAGE_LEVEL } else { 0 };
        Msi {
            address: MESSAGE_BASE | destination << 12 | logical << 2,
            data: (self.0 & 0x7FF) as u32 | MESSAGE_ASSERT | trigger,
        }
    }
}
