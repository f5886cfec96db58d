//! Sizes of register accesses.

/// How many bytes one register access moves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum AccessSize {
    /// One byte.
    Byte = 1,
    /// Two bytes.
    Word = 2,
    /// Four bytes.
    Dword = 4,
    /// Eight bytes (memory only, never ports).
    Qword = 8,
}

impl AccessSize {
    /// The size of `bytes` bytes, or `None` if no access has that size.
    pub const fn from_bytes(bytes: u8) -> Option<Self> {
        Some(match bytes {
            1 => AccessSize::Byte,
            2 => AccessSize::Word,
            4 => AccessSize::Dword,
            8 => AccessSize::Qword,
            _ => return None,
        })
    }

    /// Bytes moved.
    pub const fn bytes(self) -> u64 {
        self as u64
    }

    /// A value with all bits that such an access moves: what a read gets where nothing answers.
    pub const fn ones(self) -> u64 {
        u64::MAX >> (64 - 8 * self as u32)
    }

    /// `value` cut to the bits that such an access moves.
    pub const fn cut(self, value: u64) -> u64 {
        value & self.ones()
    }

    /// Fills `into` with what reads of this size give, one after the other, as a repeated INS does. Bytes behind the last
    /// whole element stay.
    pub fn fill(self, into: &mut [u8], mut read: impl FnMut() -> u64) {
        let bytes = self as usize;
        for element in into.chunks_exact_mut(bytes) {
            let value = read().to_le_bytes();
            element.copy_from_slice(value.get(..bytes).unwrap_or(&value));
        }
    }
}

/// Reads `size` bytes at `offset` of a little-endian register file; what lies outside reads as zero.
pub fn read_bytes(registers: &[u8], offset: u64, size: AccessSize) -> u64 {
    let mut value = 0;
    for index in (0..size.bytes()).rev() {
        value = value << 8 | u64::from(byte_at(registers, offset, index));
    }
    value
}

fn byte_at(registers: &[u8], offset: u64, index: u64) -> u8 {
    let position = offset.checked_add(index).and_then(|position| usize::try_from(position).ok());
    position.and_then(|position| registers.get(position)).copied().unwrap_or(0)
}

/// The part of the 32-bit register at `register` that an access of `size` at `offset` reads.
/// `offset` lies within the register's four bytes.
pub const fn part_of(register: u32, offset: u64, size: AccessSize) -> u64 {
    size.cut((register as u64) >> (8 * (offset & 3)))
}

/// Reads a file of 32-bit registers: a quadword is two of them, a smaller access a part of one.
pub fn read_dwords(offset: u64, size: AccessSize, mut register: impl FnMut(u64) -> u32) -> u64 {
    let aligned = offset & !3;
    let low = part_of(register(aligned), offset, size);
    match size {
        AccessSize::Qword => low | u64::from(register(aligned.saturating_add(4))) << 32,
        _ => low,
    }
}

/// Writes a file of 32-bit registers, to which software writes aligned doublewords, or quadwords as two of them.
/// Other writes are ignored.
pub fn write_dwords(offset: u64, size: AccessSize, value: u64, mut write: impl FnMut(u64, u32)) {
    if !offset.is_multiple_of(4) || size < AccessSize::Dword {
        return;
    }
    write(offset, value as u32);
    if size == AccessSize::Qword {
        write(offset.saturating_add(4), (value >> 32) as u32);
    }
}
