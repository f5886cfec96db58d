//! The bytes of an instruction.

/// Bytes of an instruction at the most.
pub const CODE_BYTES_MAX: usize = 15;

/// An instruction that grows from its first byte on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Code {
    bytes: [u8; CODE_BYTES_MAX],
    length: usize,
}

impl Code {
    /// What is there so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Adds a byte.
    ///
    /// # Panics
    /// If the instruction becomes longer than instructions are.
    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.push(*byte));
    }

    /// Sets bits of the last byte.
    pub(crate) fn set_in_last(&mut self, bits: u8) {
        if let Some(last) = self.bytes[..self.length].last_mut() {
            *last |= bits;
        }
    }
}
