//! What instructions reach of the processor beyond its general registers: asked for only by those that need it.

use crate::{Mode, Processor, SegmentRegister, Width, paging::Intent};

/// Type: accessed.
pub(crate) const TYPE_ACCESSED: u16 = 1 << 0;
/// Type: data that may be written; code that may be read.
pub(crate) const TYPE_READ_WRITE: u16 = 1 << 1;
/// Type: data that ends below, not above; code that conforms.
pub(crate) const TYPE_DOWN_CONFORMING: u16 = 1 << 2;
/// Type: code.
pub(crate) const TYPE_CODE: u16 = 1 << 3;
/// Code or data, no system segment.
pub(crate) const NO_SYSTEM: u16 = 1 << 4;
/// Present.
pub(crate) const PRESENT: u16 = 1 << 7;
/// 64-bit code.
pub(crate) const LONG: u16 = 1 << 9;
/// 32-bit code or stack; an expand-down segment that ends at 4 GiB.
pub(crate) const DEFAULT: u16 = 1 << 10;

/// CR0: protection enable.
const CR0_PE: u64 = 1 << 0;
/// Flags: virtual-8086 mode.
const RFLAGS_VM: u64 = 1 << 17;

/// A segment register with its hidden part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// Selector.
    pub selector: u16,
    /// Type in bits 3..0, S 4, DPL 6..5, P 7, AVL 8, L 9, D/B 10, G 11 (AMD APM vol. 2, 15.5.1).
    pub attributes: u16,
    /// Limit in bytes.
    pub limit: u32,
    /// Base address.
    pub base: u64,
}

impl Segment {
    /// Whether protected mode allows this kind of access to any of the segment (AMD APM vol. 2, 4.8).
    pub(crate) fn allows(&self, intent: Intent) -> bool {
        let is_code = self.attributes & TYPE_CODE != 0;
        let may_read_write = self.attributes & TYPE_READ_WRITE != 0;
        let is_allowed = match intent {
            Intent::Read => !is_code || may_read_write,
            Intent::Write => !is_code && may_read_write,
            Intent::Fetch => is_code,
        };
        self.attributes & PRESENT != 0 && is_allowed
    }

    /// Whether `bytes` bytes (at least one) from `offset` on lie within the limit.
    pub(crate) fn contains(&self, offset: u64, bytes: u64) -> bool {
        let Some(last) = offset.checked_add(bytes.saturating_sub(1)) else { return false };
        let limit = u64::from(self.limit);
        if self.attributes & (NO_SYSTEM | TYPE_CODE | TYPE_DOWN_CONFORMING)
            == NO_SYSTEM | TYPE_DOWN_CONFORMING
        {
            let end = if self.attributes & DEFAULT != 0 { 0xFFFF_FFFF } else { 0xFFFF };
            return offset > limit && last <= end;
        }
        last <= limit
    }

    /// Privilege level that the descriptor names.
    pub(crate) fn level(&self) -> u8 {
        (self.attributes >> 5 & 3) as u8
    }
}

/// The two segment registers that only the system uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SystemSegment {
    /// LDTR.
    LocalTable,
    /// TR.
    Task,
}

/// The two tables that have registers of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// GDT.
    Global,
    /// IDT.
    Interrupt,
}

/// GDTR or IDTR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableRegister {
    /// Linear address.
    pub base: u64,
    /// Offset of the last byte.
    pub limit: u16,
}

/// What becomes of a vector register beyond its lowest 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beyond {
    /// It stays.
    Kept,
    /// It becomes zero.
    Cleared,
}

/// All of a processor. Each method may be far more expensive than those of [`Processor`].
pub trait FullProcessor: Processor {
    /// A segment register.
    fn segment(&self, segment: SegmentRegister) -> Segment;
    /// Replaces a segment register.
    fn set_segment(&mut self, segment: SegmentRegister, value: Segment);
    /// LDTR or TR.
    fn system_segment(&self, segment: SystemSegment) -> Segment;
    /// Replaces LDTR or TR.
    fn set_system_segment(&mut self, segment: SystemSegment, value: Segment);
    /// GDTR or IDTR.
    fn table(&self, table: Table) -> TableRegister;
    /// Replaces GDTR or IDTR.
    fn set_table(&mut self, table: Table, value: TableRegister);
    /// Replaces CR0.
    fn set_cr0(&mut self, value: u64);
    /// Replaces CR3.
    fn set_cr3(&mut self, value: u64);
    /// DR6.
    fn debug_status(&self) -> u64;
    /// Replaces DR6.
    fn set_debug_status(&mut self, value: u64);
    /// DR7.
    fn debug_control(&self) -> u64;
    /// Replaces DR7.
    fn set_debug_control(&mut self, value: u64);
    /// XCR0.
    fn xcr0(&self) -> u64;
    /// The lowest 256 bits of a vector register; `None` if they cannot be reached.
    fn vector(&self, index: u8) -> Option<[u64; 4]>;
    /// Replaces the lowest 256 bits of a vector register.
    fn set_vector(&mut self, index: u8, value: [u64; 4], beyond: Beyond);

    /// Segments are addresses shifted by four: real and virtual-8086 mode.
    fn has_plain_segments(&self) -> bool {
        self.cr0() & CR0_PE == 0 || self.flags() & RFLAGS_VM != 0
    }

    /// Width of the stack pointer.
    fn stack_width(&self) -> Width {
        if self.mode() == Mode::Bits64 {
            return Width::W64;
        }
        let is_wide = self.segment(SegmentRegister::Ss).attributes & DEFAULT != 0;
        if is_wide { Width::W32 } else { Width::W16 }
    }
}
