//! The twelve bytes of a command packet, big-endian.

use spec::ata::PACKET_BYTES;

/// A packet exactly as the host wrote it. Nothing in it has been checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    bytes: &'a [u8; PACKET_BYTES],
}

impl<'a> Packet<'a> {
    pub(super) fn new(bytes: &'a [u8; PACKET_BYTES]) -> Self {
        Self { bytes }
    }

    pub(super) fn operation(&self) -> u8 {
        self.byte(0)
    }

    pub(super) fn byte(&self, index: usize) -> u8 {
        self.bytes.get(index).copied().unwrap_or(0)
    }

    /// A big-endian number of `bytes` bytes, four at the most.
    pub(super) fn number(&self, index: usize, bytes: usize) -> u32 {
        self.bytes.iter().skip(index).take(bytes).fold(0, |value, byte| value << 8 | u32::from(*byte))
    }
}
