//! How a guest breaks the rules of virtio.

use vmm_bus::MemoryError;

/// What the guest did wrong. The device stops and asks for a reset (2.1.2, `DEVICE_NEEDS_RESET`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A ring or a buffer is not in the guest's RAM.
    BadAddress,
    /// A ring is not aligned as its format demands.
    Misaligned,
    /// A queue has an impossible size.
    BadQueueSize,
    /// A ring's index or a descriptor number is out of range.
    BadIndex,
    /// A chain of descriptors has a loop or more parts than a queue may have.
    ChainTooLong,
    /// An indirect table is empty, odd, nested, chained or was not negotiated.
    BadIndirect,
    /// A buffer for the device to read comes after one for it to write.
    WrongOrder,
    /// More buffers were made available than the queue holds.
    TooManyInFlight,
    /// The request itself is not one of this device: too short, or in the wrong direction.
    BadRequest,
}

impl From<MemoryError> for Fault {
    fn from(_: MemoryError) -> Self {
        Fault::BadAddress
    }
}
