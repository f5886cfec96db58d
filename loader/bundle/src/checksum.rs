//! The checksum of tables and files: XXH64, about five instructions for eight bytes without SIMD.
//!
//! It finds damage, not malice: who may boot what is decided by the signature of `corten.efi`.

use xxhash_rust::xxh64::{Xxh64, xxh64};

/// A checksum in the making, for data that is seen piece by piece.
#[derive(Clone)]
pub struct Checksum(Xxh64);

impl Checksum {
    /// Starts with no data.
    pub fn new() -> Self {
        Self(Xxh64::new(0))
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far.
    pub fn value(&self) -> u64 {
        self.0.digest()
    }

    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> u64 {
        xxh64(bytes, 0)
    }
}

impl Default for Checksum {
    fn default() -> Self {
        Self::new()
    }
}
