//! Eight-bit registers that are reached by wider accesses: the bus of a PC splits these into bytes.

use vmm_bus::AccessSize;

/// Reads `size` bytes from `offset` on, one register after the other.
pub(crate) fn read_bytewise(offset: u64, size: AccessSize, mut read: impl FnMut(u64) -> u8) -> u64 {
    let mut value = 0;
    for index in 0..size.bytes() {
        value |= u64::from(read(offset.wrapping_add(index))) << (8 * index);
    }
    value
}

/// Writes `size` bytes from `offset` on, one register after the other.
pub(crate) fn write_bytewise(offset: u64, size: AccessSize, value: u64, mut write: impl FnMut(u64, u8)) {
    for (index, byte) in (0..size.bytes()).zip(value.to_le_bytes()) {
        write(offset.wrapping_add(index), byte);
    }
}
