//! Addresses that a function answers at because software said so.

use crate::device::Region;

/// What a window decodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    /// I/O ports.
    Ports,
    /// Memory.
    Memory,
    /// Memory where configuration space of all buses answers, from bus 0 on (ECAM).
    Configuration,
}

/// A window that is decoded now: a BAR with an address, or a chipset's own base register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The region of its accesses: the number of the BAR, or what the chipset calls it.
    pub region: Region,
    /// What it decodes.
    pub space: Space,
    /// First address.
    pub start: u64,
    /// Size.
    pub bytes: u64,
}
