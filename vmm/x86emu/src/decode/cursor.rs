//! Reads instruction bytes one after the other.

use crate::{INSTRUCTION_BYTES_MAX, Width};

/// The bytes that are left.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.get(..INSTRUCTION_BYTES_MAX).unwrap_or(bytes), position: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.position += 1;
        Some(byte)
    }

    /// A little-endian constant, sign-extended.
    pub(super) fn constant(&mut self, width: Width) -> Option<u64> {
        let mut value = 0;
        for index in 0..width.bytes() {
            value |= u64::from(self.next()?) << (8 * index);
        }
        Some(width.sign_extend(value))
    }

    /// Bytes read so far.
    pub(super) fn length(&self) -> u8 {
        // At most `INSTRUCTION_BYTES_MAX`.
        self.position as u8
    }
}
