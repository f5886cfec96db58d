//! Statistics registers: each is cleared by reading and stays at its end (SDM 13.7).

use crate::FRAME_BYTES_MIN;
use alloc::{vec, vec::Vec};
use spec::e1000::{STATISTICS, STATISTICS_END};

pub(super) const REGISTERS: usize = ((STATISTICS_END - STATISTICS) / 4) as usize;

/// Frames lost for want of a descriptor.
pub(super) const MISSED: u64 = 0x4010;
/// The same, counted by another register.
pub(super) const NO_BUFFER: u64 = 0x40A0;
/// Packets that were segmented.
pub(super) const SEGMENTED: u64 = 0x40F8;

/// A direction's registers.
pub(super) struct Direction {
    good: u64,
    broadcast: u64,
    multicast: u64,
    /// Two registers.
    good_bytes: u64,
    /// Two registers.
    total_bytes: u64,
    total: u64,
    /// Six registers, by size.
    sizes: u64,
}

pub(super) const RECEIVED: Direction = Direction {
    good: 0x4074,
    broadcast: 0x4078,
    multicast: 0x407C,
    good_bytes: 0x4088,
    total_bytes: 0x40C0,
    total: 0x40D0,
    sizes: 0x405C,
};

pub(super) const SENT: Direction = Direction {
    good: 0x4080,
    broadcast: 0x40F4,
    multicast: 0x40F0,
    good_bytes: 0x4090,
    total_bytes: 0x40C8,
    total: 0x40D4,
    sizes: 0x40D8,
};

/// Largest frame of each size class but the last, with check sequence.
const CLASSES: [usize; 5] = [64, 127, 255, 511, 1023];

/// The registers, and what they counted since the machine started.
pub(super) struct Statistics {
    pub(super) registers: Vec<u32>,
}

impl Statistics {
    pub(super) fn new() -> Self {
        Self { registers: vec![0; REGISTERS] }
    }

    pub(super) fn reset(&mut self) {
        self.registers.fill(0);
    }

    /// Reads a register and clears it.
    pub(super) fn take(&mut self, offset: u64) -> u32 {
        self.register(offset).map_or(0, core::mem::take)
    }

    /// Counts one.
    pub(super) fn count(&mut self, offset: u64) {
        if let Some(register) = self.register(offset) {
            *register = register.saturating_add(1);
        }
    }

    /// Counts a frame with its four bytes of check sequence.
    pub(super) fn count_frame(&mut self, direction: &Direction, frame: &[u8]) {
        let bytes = frame.len().max(FRAME_BYTES_MIN).saturating_add(4);
        self.count(direction.good);
        self.count(direction.total);
        let class = CLASSES.iter().position(|most| bytes <= *most).unwrap_or(CLASSES.len());
        self.count(direction.sizes.saturating_add((class as u64).saturating_mul(4)));
        self.add(direction.good_bytes, bytes);
        self.add(direction.total_bytes, bytes);
        match frame.get(..6) {
            Some([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]) => self.count(direction.broadcast),
            Some([first, ..]) if first & 1 != 0 => self.count(direction.multicast),
            _ => {}
        }
    }

    fn add(&mut self, offset: u64, bytes: usize) {
        let Some(low) = self.register(offset) else { return };
        let (sum, carry) = low.overflowing_add(bytes as u32);
        *low = sum;
        if carry {
            self.count(offset.saturating_add(4));
        }
    }

    fn register(&mut self, offset: u64) -> Option<&mut u32> {
        let index = offset.checked_sub(STATISTICS)? / 4;
        usize::try_from(index).ok().and_then(|index| self.registers.get_mut(index))
    }
}
