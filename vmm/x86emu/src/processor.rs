//! The registers of the vCPU.

use vmm_bus::AccessSize;

/// CR0: protection enable.
const CR0_PE: u64 = 1 << 0;
/// EFER: long mode active.
const EFER_LMA: u64 = 1 << 10;
/// Flags: virtual-8086 mode.
const RFLAGS_VM: u64 = 1 << 17;
/// Segment attributes: 64-bit code.
const ATTRIBUTE_LONG: u16 = 1 << 9;
/// Segment attributes: 32-bit code or stack.
const ATTRIBUTE_DEFAULT: u16 = 1 << 10;

/// A segment register, in encoding order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum SegmentRegister {
    /// ES.
    Es = 0,
    /// CS.
    Cs = 1,
    /// SS.
    Ss = 2,
    /// DS.
    Ds = 3,
    /// FS.
    Fs = 4,
    /// GS.
    Gs = 5,
}

/// The registers of the vCPU whose instruction is emulated.
pub trait Processor {
    /// A general register, in encoding order; `index` is below 16.
    fn register(&self, index: usize) -> u64;
    /// Replaces a general register.
    fn set_register(&mut self, index: usize, value: u64);
    /// The address of the instruction.
    fn instruction_pointer(&self) -> u64;
    /// Moves on.
    fn set_instruction_pointer(&mut self, value: u64);
    /// RFLAGS.
    fn flags(&self) -> u64;
    /// Replaces RFLAGS.
    fn set_flags(&mut self, value: u64);
    /// CR0.
    fn cr0(&self) -> u64;
    /// CR3.
    fn cr3(&self) -> u64;
    /// CR4.
    fn cr4(&self) -> u64;
    /// EFER.
    fn efer(&self) -> u64;
    /// The base of a segment.
    fn segment_base(&self, segment: SegmentRegister) -> u64;
    /// Attributes of CS: L in bit 9, D in bit 10.
    fn code_attributes(&self) -> u16;
    /// Current privilege level, 0 to 3.
    fn privilege_level(&self) -> u8;

    /// How instructions are read now.
    #[inline]
    fn mode(&self) -> Mode {
        if self.efer() & EFER_LMA != 0 && self.code_attributes() & ATTRIBUTE_LONG != 0 {
            return Mode::Bits64;
        }
        // Real mode keeps the width that CS had when protection ended, until CS is loaded.
        let is_virtual = self.flags() & RFLAGS_VM != 0 && self.cr0() & CR0_PE != 0;
        if !is_virtual && self.code_attributes() & ATTRIBUTE_DEFAULT != 0 {
            Mode::Bits32
        } else {
            Mode::Bits16
        }
    }
}

/// How instructions are read: the default sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Real mode, virtual-8086 mode, 16-bit segments.
    Bits16,
    /// 32-bit segments.
    Bits32,
    /// 64-bit segments.
    Bits64,
}

/// Bytes of an operand or address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// 8 bits.
    W8,
    /// 16 bits.
    W16,
    /// 32 bits.
    W32,
    /// 64 bits.
    W64,
}

impl Width {
    /// Bytes.
    pub const fn bytes(self) -> u64 {
        1 << self as u8
    }

    /// Bits.
    pub const fn bits(self) -> u32 {
        8 << self as u8
    }

    /// All bits of it.
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }

    /// The highest bit of it.
    pub const fn sign_bit(self) -> u64 {
        1 << (self.bits() - 1)
    }

    /// A value of this width with its sign spread over 64 bits.
    pub const fn sign_extend(self, value: u64) -> u64 {
        let unused = 64 - self.bits();
        ((value << unused) as i64 >> unused) as u64
    }

    /// A value of this width with its bytes in reverse order.
    pub const fn swap_bytes(self, value: u64) -> u64 {
        value.swap_bytes() >> (64 - self.bits())
    }

    /// As a size of an access.
    pub const fn access_size(self) -> AccessSize {
        match self {
            Width::W8 => AccessSize::Byte,
            Width::W16 => AccessSize::Word,
            Width::W32 => AccessSize::Dword,
            Width::W64 => AccessSize::Qword,
        }
    }

    /// What a register holds after `value` of this width was written to it: 32-bit writes clear the upper half,
    /// smaller ones keep the rest (AMD APM vol. 1, 3.4.5).
    pub const fn merge(self, old: u64, value: u64) -> u64 {
        match self {
            Width::W8 | Width::W16 => old & !self.mask() | value & self.mask(),
            Width::W32 | Width::W64 => value & self.mask(),
        }
    }
}
