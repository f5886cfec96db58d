//! Base address registers.

use spec::pci::{BAR_IO, BAR_MEMORY_64, BAR_PREFETCHABLE};

/// Base address registers of one function.
pub const BARS: usize = 6;

/// What a BAR decodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BarKind {
    /// 32-bit memory.
    Memory32,
    /// 64-bit memory: takes this register and the next one.
    Memory64,
    /// I/O ports.
    Io,
}

impl BarKind {
    /// The read-only low bits of the register.
    pub(crate) const fn flags(self) -> u32 {
        match self {
            BarKind::Memory32 => 0,
            BarKind::Memory64 => BAR_MEMORY_64 | BAR_PREFETCHABLE,
            BarKind::Io => BAR_IO,
        }
    }

    /// Whether it decodes memory.
    pub const fn is_memory(self) -> bool {
        !matches!(self, BarKind::Io)
    }
}

/// A BAR as its device made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bar {
    /// Its number, 0 to 5.
    pub(crate) index: u8,
    pub(crate) kind: BarKind,
    /// Size of the window: a power of two, at least 16 (memory) or 4 (I/O).
    pub(crate) bytes: u64,
}
