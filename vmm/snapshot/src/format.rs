//! The layout of a saved machine.
//!
//! ```text
//! header    magic (8 bytes)  format u32  sections u32
//! section   name length u8   name   instance u32   version u16   length u32   state
//! ...
//! trailer   CRC-64/XZ u64 over everything before it
//! ```
//! All integers are little-endian.

use crc::{CRC_64_XZ, Crc, Table};

/// First bytes of every saved machine.
pub const MAGIC: [u8; 8] = *b"CORTSNAP";
/// The format that this program writes and the only one it reads.
pub const FORMAT: u32 = 1;
/// Bytes before the first section.
pub const HEADER_BYTES: usize = 16;
/// Bytes of the checksum at the end.
pub const TRAILER_BYTES: usize = 8;
/// Sections in one saved machine at the most.
pub const SECTIONS_MAX: usize = 1024;
/// Bytes of a section's name at the most.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of one section's state at the most: the memory of a display fits. Guest memory is never in a section.
pub const STATE_BYTES_MAX: usize = 1 << 26;

/// Where the checksum's polynomial comes from: the one that XZ uses, 64 bits wide.
static CHECKSUM: Crc<u64, Table<1>> = Crc::<u64, Table<1>>::new(&CRC_64_XZ);

/// Computes the checksum that the trailer holds.
pub fn checksum(bytes: &[u8]) -> u64 {
    CHECKSUM.checksum(bytes)
}
