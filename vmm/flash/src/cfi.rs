//! What the chip says of itself: Common Flash Interface (JEDEC JESD68.01) with Intel's command set.

use crate::blocks::BLOCK_BYTES;
use crate::commands::BUFFER_BYTES;

/// Manufacturer: Intel.
pub const MANUFACTURER: u8 = 0x89;
/// Device: a 128 Mbit chip. Drivers look at the table's geometry, not at this.
pub const DEVICE: u8 = 0x18;

/// Where the table starts.
const TABLE_START: u64 = 0x10;
/// Where Intel's own table starts.
const INTEL_START: u8 = 0x31;

/// The byte at `offset` of the query of a chip of so many bytes; zero where nothing is said.
pub fn query(offset: u64, chip_bytes: u64) -> u8 {
    let [blocks_low, blocks_high, ..] = (chip_bytes / BLOCK_BYTES).saturating_sub(1).to_le_bytes();
    let [size_low, size_high, ..] = (BLOCK_BYTES / 256).to_le_bytes();
    let buffer_log2 = BUFFER_BYTES.trailing_zeros() as u8;
    let chip_log2 = chip_bytes.checked_next_power_of_two().map_or(0, |bytes| bytes.trailing_zeros() as u8);
    // tidy: table
    #[rustfmt::skip]
    let table = [
        // "QRY", Intel's command set, its table, no second set.
        b'Q', b'R', b'Y', 0x01, 0x00, INTEL_START, 0x00, 0x00, 0x00, 0x00, 0x00,
        // Supply 4.5 to 5.5 V, no programming supply.
        0x45, 0x55, 0x00, 0x00,
        // Typical times, powers of two: byte and buffer 128 us, block 1024 ms; at the most 16 times as long.
        0x07, 0x07, 0x0A, 0x00, 0x04, 0x04, 0x04, 0x00,
        // Size; eight data lines; bytes of the write buffer.
        chip_log2, 0x02, 0x00, buffer_log2, 0x00,
        // One region of equal blocks: their number less one, their size in 256 bytes.
        0x01, blocks_low, blocks_high, size_low, size_high,
        // "PRI" 1.0: no suspend, no locks.
        b'P', b'R', b'I', b'1', b'0', 0x00, 0x00, 0x00, 0x00,
    ];
    let position = offset.checked_sub(TABLE_START).and_then(|position| usize::try_from(position).ok());
    position.and_then(|position| table.get(position)).copied().unwrap_or(0)
}
