//! What ports deliver.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags! {
    /// What happened to an object.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Signals: u32 {
        /// A channel or log has something to read.
        const READABLE = 1 << 0;
        /// A full channel has room again.
        const WRITABLE = 1 << 1;
        /// The other end of a channel is closed.
        const PEER_CLOSED = 1 << 2;
        /// An event or doorbell was rung.
        const SIGNALLED = 1 << 3;
        /// A timer's deadline passed.
        const FIRED = 1 << 4;
        /// A hardware interrupt arrived; it stays masked until it is acknowledged.
        const INTERRUPT = 1 << 5;
        /// A process or thread ended.
        const TERMINATED = 1 << 6;
    }
}

/// What [`crate::Syscall::PortWait`] delivers for one binding.
///
/// A binding is queued at most once: what happens before the packet is taken is folded into
/// it. After a packet the receiver drains the object until `WouldBlock`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Packet {
    /// The number given when the object was bound.
    pub key: u64,
    /// All [`Signals`] since the last packet of this binding, as bits.
    pub signals: u32,
    /// How often the object was signalled since then (at most `u32::MAX`).
    pub count: u32,
}
