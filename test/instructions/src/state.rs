//! Registers.

/// Flags that a state may have set: the arithmetic ones and DF.
pub const FLAGS: u64 = 0xCD5;

/// Registers before and after an instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct State {
    /// General registers in encoding order.
    pub registers: [u64; 16],
    /// Flags, of [`FLAGS`].
    pub flags: u64,
    /// For alignment.
    pub reserved: u64,
    /// YMM0 to YMM3.
    pub vectors: [[u64; 4]; 4],
}
