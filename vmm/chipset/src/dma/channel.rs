//! One channel.

use serde::{Deserialize, Serialize};

/// Which way data goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the device to memory.
    ToMemory,
    /// From memory to the device.
    FromMemory,
}

/// Mode bits: transfer type in two bits, automatic restart, and downwards.
const TYPE_SHIFT: u8 = 2;
const TYPE_VERIFY: u8 = 0;
const TYPE_TO_MEMORY: u8 = 1;
const TYPE_FROM_MEMORY: u8 = 2;
const RESTARTS: u8 = 1 << 4;
const DOWNWARDS: u8 = 1 << 5;

/// A channel's registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Channel {
    base_address: u16,
    base_count: u16,
    address: u16,
    /// One less than the transfers that are left.
    count: u16,
    pub(super) page: u8,
    mode: u8,
}

/// Consecutive addresses of one step, in units of transfers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    /// The first and lowest address within the page.
    pub(super) first: u16,
    /// How many.
    pub(super) transfers: u32,
    /// The channel has reached its count.
    pub(super) is_terminal: bool,
}

/// What a channel does with data of a direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Agreement {
    /// It moves them.
    Moves,
    /// It counts them only (verify).
    Counts,
    /// It is programmed for the other direction.
    Refuses,
}

impl Channel {
    pub(super) fn set_mode(&mut self, mode: u8) {
        self.mode = mode;
    }

    pub(super) fn agrees(&self, direction: Direction) -> Agreement {
        match (self.mode >> TYPE_SHIFT & 3, direction) {
            (TYPE_VERIFY, _) => Agreement::Counts,
            (TYPE_TO_MEMORY, Direction::ToMemory) | (TYPE_FROM_MEMORY, Direction::FromMemory) => {
                Agreement::Moves
            }
            _ => Agreement::Refuses,
        }
    }

    /// Takes at most `wanted` transfers with consecutive addresses that go upwards.
    pub(super) fn step(&mut self, wanted: u32) -> Step {
        let left = u32::from(self.count).saturating_add(1);
        let is_downwards = self.mode & DOWNWARDS != 0;
        // Addresses wrap within the page; downwards goes one at a time.
        let until_wrap = if is_downwards { 1 } else { 0x1_0000 - u32::from(self.address) };
        let transfers = wanted.min(left).min(until_wrap);
        let first = self.address;
        let moved = transfers as u16;
        self.address =
            if is_downwards { self.address.wrapping_sub(moved) } else { self.address.wrapping_add(moved) };
        self.count = self.count.wrapping_sub(moved);
        let is_terminal = transfers == left;
        if is_terminal && self.restarts() {
            self.address = self.base_address;
            self.count = self.base_count;
        }
        Step { first, transfers, is_terminal }
    }

    /// Whether it begins anew after its last transfer.
    pub(super) fn restarts(&self) -> bool {
        self.mode & RESTARTS != 0
    }

    /// Reads a byte of the address or the count.
    pub(super) fn read(&self, is_count: bool, is_high: bool) -> u8 {
        let [low, high] = if is_count { self.count } else { self.address }.to_le_bytes();
        if is_high { high } else { low }
    }

    /// Writes a byte of the address or the count: base and current.
    pub(super) fn write(&mut self, is_count: bool, is_high: bool, byte: u8) {
        let (base, current) = if is_count {
            (&mut self.base_count, &mut self.count)
        } else {
            (&mut self.base_address, &mut self.address)
        };
        let [low, high] = base.to_le_bytes();
        *base = u16::from_le_bytes(if is_high { [low, byte] } else { [byte, high] });
        *current = *base;
    }
}
