//! The bytes behind a number or a name.

use alloc::{boxed::Box, vec::Vec};

/// Bytes that are not in the VMM's heap: a kernel file, an initial RAM disk.
pub trait Source: Send + Sync {
    /// How many there are. Always the same.
    fn bytes(&self) -> u32;

    /// Copies the bytes at `offset` into the whole of `into`. The range lies within [`Source::bytes`].
    fn read(&self, offset: u32, into: &mut [u8]);
}

/// One item. The guest reads it from its first byte on.
pub enum Item {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Bytes that are fetched when they are read.
    Source(Box<dyn Source>),
}

impl Item {
    /// How many bytes there are. What does not fit 32 bits cannot be read.
    pub fn bytes(&self) -> u32 {
        match self {
            Self::Bytes(bytes) => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            Self::Source(source) => source.bytes(),
        }
    }

    /// Copies bytes at `offset` into `into`; what lies behind the end reads as zero.
    pub(crate) fn read(&self, offset: u32, into: &mut [u8]) {
        let left = usize::try_from(self.bytes().saturating_sub(offset)).unwrap_or(usize::MAX);
        let (inside, outside) = into.split_at_mut(left.min(into.len()));
        outside.fill(0);
        match self {
            _ if inside.is_empty() => {}
            Self::Bytes(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|first| bytes.get(first..));
                for (to, from) in inside.iter_mut().zip(rest.unwrap_or_default()) {
                    *to = *from;
                }
            }
            Self::Source(source) => source.read(offset, inside),
        }
    }
}

impl core::fmt::Debug for Item {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{} bytes", self.bytes())
    }
}

impl From<Vec<u8>> for Item {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for Item {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<u16> for Item {
    fn from(number: u16) -> Self {
        Self::Bytes(number.to_le_bytes().to_vec())
    }
}

impl From<u32> for Item {
    fn from(number: u32) -> Self {
        Self::Bytes(number.to_le_bytes().to_vec())
    }
}

impl From<u64> for Item {
    fn from(number: u64) -> Self {
        Self::Bytes(number.to_le_bytes().to_vec())
    }
}
