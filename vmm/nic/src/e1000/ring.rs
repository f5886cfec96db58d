//! Rings of descriptors (SDM 3.2.6, 3.4).

use base_units::Gpa;
use serde::{Deserialize, Serialize};
use spec::e1000::{DESCRIPTOR_BYTES, RING_BASE_HIGH, RING_BASE_LOW, RING_BYTES, RING_HEAD, RING_TAIL};
use vmm_bus::{GuestMemory, MemoryError};

/// Bits of the size: a multiple of 128 bytes, up to a megabyte.
const BYTES_MASK: u32 = 0x000F_FF80;
const BASE_MASK: u32 = !0xF;

/// A ring as the driver described it. Nothing in it has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Ring {
    base_low: u32,
    base_high: u32,
    bytes: u32,
    pub(super) head: u16,
    pub(super) tail: u16,
}

/// The four dwords of a descriptor.
pub(super) type Descriptor = [u32; 4];

impl Ring {
    /// Whether a ring has a register there.
    pub(super) fn has(register: u64) -> bool {
        matches!(register, RING_BASE_LOW | RING_BASE_HIGH | RING_BYTES | RING_HEAD | RING_TAIL)
    }

    /// Reads one of its registers.
    pub(super) fn read(&self, register: u64) -> u32 {
        match register {
            RING_BASE_LOW => self.base_low,
            RING_BASE_HIGH => self.base_high,
            RING_BYTES => self.bytes,
            RING_HEAD => u32::from(self.head),
            RING_TAIL => u32::from(self.tail),
            _ => 0,
        }
    }

    /// Writes one of its registers.
    pub(super) fn write(&mut self, register: u64, value: u32) {
        match register {
            RING_BASE_LOW => self.base_low = value & BASE_MASK,
            RING_BASE_HIGH => self.base_high = value,
            RING_BYTES => self.bytes = value & BYTES_MASK,
            RING_HEAD => self.head = value as u16,
            RING_TAIL => self.tail = value as u16,
            _ => {}
        }
    }

    fn len(&self) -> u32 {
        self.bytes / DESCRIPTOR_BYTES as u32
    }

    /// Descriptors that the device has. A head or tail outside of the ring is none.
    pub(super) fn available(&self) -> u32 {
        let (len, head, tail) = (self.len(), u32::from(self.head), u32::from(self.tail));
        if head >= len || tail >= len {
            return 0;
        }
        if tail >= head { tail.wrapping_sub(head) } else { len.wrapping_sub(head).wrapping_add(tail) }
    }

    /// Whether no more than a part of the ring is left: a half, a quarter, an eighth.
    pub(super) fn is_low(&self, threshold: u32) -> bool {
        self.available() <= self.len() >> threshold.saturating_add(1).min(3)
    }

    /// Where the descriptor at the head lies.
    pub(super) fn place(&self) -> Result<Gpa, MemoryError> {
        let base = u64::from(self.base_high) << 32 | u64::from(self.base_low);
        let offset = u64::from(self.head).wrapping_mul(DESCRIPTOR_BYTES);
        Gpa::new(base).checked_add(offset).ok_or(MemoryError::OutOfRange)
    }

    /// The descriptor at the head.
    pub(super) fn peek(&self, memory: &dyn GuestMemory) -> Result<Descriptor, MemoryError> {
        let mut raw = [0; DESCRIPTOR_BYTES as usize];
        memory.read(self.place()?, &mut raw)?;
        let mut dwords = [0; 4];
        for (dword, bytes) in dwords.iter_mut().zip(raw.chunks_exact(4)) {
            *dword = u32::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Ok(dwords)
    }

    /// Goes on to the next descriptor.
    pub(super) fn step(&mut self) {
        let next = self.head.saturating_add(1);
        self.head = if u32::from(next) >= self.len() { 0 } else { next };
    }
}

/// The address in a descriptor's first two dwords.
pub(super) fn address(descriptor: &Descriptor) -> Gpa {
    let [low, high, ..] = *descriptor;
    Gpa::new(u64::from(high) << 32 | u64::from(low))
}
