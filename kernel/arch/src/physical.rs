//! Reading physical memory that somebody else wrote.

/// Physical memory as the parsers of firmware tables see it.
pub trait Physical {
    /// Copies `buffer.len()` bytes from `address` on; `false` if there is no such memory.
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool;

    /// The little-endian `u32` at `address`.
    fn read_u32(&self, address: u64) -> Option<u32> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes).then(|| u32::from_le_bytes(bytes))
    }

    /// The little-endian `u64` at `address`.
    fn read_u64(&self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes).then(|| u64::from_le_bytes(bytes))
    }
}

/// The little-endian `u16` at `offset`, if `bytes` reaches that far.
pub fn field_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(offset..offset.checked_add(2)?)?.try_into().ok()?))
}

/// The little-endian `u32` at `offset`, if `bytes` reaches that far.
pub fn field_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(offset..offset.checked_add(4)?)?.try_into().ok()?))
}

/// The little-endian `u64` at `offset`, if `bytes` reaches that far.
pub fn field_u64(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(offset..offset.checked_add(8)?)?.try_into().ok()?))
}
