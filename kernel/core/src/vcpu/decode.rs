//! A decoder for the few instructions that ring 0 carries out itself.
//!
//! It sees bytes that the guest may change at any time; whatever it says is a value that is
//! checked again where it is used, and it never reads past what it is given.

/// The longest instruction (Intel SDM vol. 2, 2.3.11).
pub(super) const INSTRUCTION_MAX: usize = 15;

/// The width that the code segment gives to addresses and operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    /// Real mode and 16-bit segments.
    Bits16,
    /// 32-bit segments.
    Bits32,
    /// 64-bit mode.
    Bits64,
}

/// Where a store's value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// A general register.
    Register(Register),
    /// A constant, sign-extended.
    Immediate(u64),
}

/// A general register or one of its parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Register {
    /// Number in encoding order.
    pub(super) index: u8,
    /// AH, CH, DH or BH: bits 15..8.
    pub(super) is_high: bool,
}

/// A memory access with a general register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Move {
    /// Memory to register.
    Load(Register),
    /// Register or constant to memory.
    Store(Source),
    /// XCHG.
    Exchange(Register),
}

/// A decoded memory move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MemoryMove {
    /// What is moved.
    pub(super) operation: Move,
    /// Bytes: 1, 2, 4 or 8.
    pub(super) size: u8,
    /// Bytes of the instruction.
    pub(super) length: u8,
}

/// Decodes MOV and XCHG with a memory operand; `None` for everything else.
pub(super) fn memory_move(bytes: &[u8], width: Width) -> Option<MemoryMove> {
    let (prefixes, mut reader) = Prefixes::read(bytes, width)?;
    let opcode = reader.next()?;
    let size = if opcode & 1 == 0 { 1 } else { prefixes.operand_bytes(width) };
    let operation = match opcode {
        0x88 | 0x89 => Move::Store(Source::Register(reader.memory_operand(&prefixes, width, size)?)),
        0x8a | 0x8b => Move::Load(reader.memory_operand(&prefixes, width, size)?),
        0x86 | 0x87 => Move::Exchange(reader.memory_operand(&prefixes, width, size)?),
        0xa0..=0xa3 => {
            reader.skip(prefixes.address_bytes(width))?;
            let accumulator = Register { index: 0, is_high: false };
            if opcode < 0xa2 { Move::Load(accumulator) } else { Move::Store(Source::Register(accumulator)) }
        }
        0xc6 | 0xc7 => {
            if reader.peek()? & 0x38 != 0 {
                return None;
            }
            reader.memory_operand(&prefixes, width, size)?;
            Move::Store(Source::Immediate(reader.immediate(size)?))
        }
        _ => return None,
    };
    Some(MemoryMove { operation, size, length: reader.length() })
}

/// The length of an instruction that consists of prefixes and `opcode`; `None` if `bytes` are something else.
pub(super) fn fixed_length(bytes: &[u8], width: Width, opcode: &[u8]) -> Option<u8> {
    let (_, mut reader) = Prefixes::read(bytes, width)?;
    for expected in opcode {
        if reader.next()? != *expected {
            return None;
        }
    }
    Some(reader.length())
}

/// Which instruction moves to or from a control or debug register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SystemForm {
    /// MOV.
    Whole,
    /// LMSW: only the low four bits of CR0 are meant.
    LoadStatusWord,
    /// SMSW into so many bytes of a register.
    StoreStatusWord(u8),
    /// CLTS: no register, TS becomes 0.
    ClearTaskSwitched,
}

/// A move between a general register and a control or debug register, or one of CR0's own instructions on a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SystemMove {
    /// The general register.
    pub(super) register: u8,
    /// Which instruction it is.
    pub(super) form: SystemForm,
    /// Bytes of the instruction.
    pub(super) length: u8,
}

/// Decodes MOV to or from control and debug registers (0F 20 to 0F 23), CLTS, and LMSW and SMSW with a register.
pub(super) fn system_move(bytes: &[u8], width: Width) -> Option<SystemMove> {
    let (prefixes, mut reader) = Prefixes::read(bytes, width)?;
    if reader.next()? != 0x0f {
        return None;
    }
    let opcode = reader.next()?;
    if opcode == 0x06 {
        return Some(SystemMove {
            register: 0,
            form: SystemForm::ClearTaskSwitched,
            length: reader.length(),
        });
    }
    let modrm = reader.next()?;
    let form = match opcode {
        // The mod field is ignored: the operand is always a register (AMD APM vol. 3, MOV CRn).
        0x20..=0x23 => SystemForm::Whole,
        0x01 if modrm & 0xf8 == 0xf0 => SystemForm::LoadStatusWord,
        0x01 if modrm & 0xf8 == 0xe0 => SystemForm::StoreStatusWord(prefixes.operand_bytes(width)),
        _ => return None,
    };
    Some(SystemMove { register: modrm & 7 | prefixes.rex_bit(0) << 3, form, length: reader.length() })
}

/// Prefixes of an instruction.
struct Prefixes {
    rex: u8,
    has_operand_size: bool,
    has_address_size: bool,
}

impl Prefixes {
    /// Reads the prefixes; the reader stands at the opcode then.
    fn read(bytes: &[u8], width: Width) -> Option<(Self, Reader<'_>)> {
        let bytes = bytes.get(..INSTRUCTION_MAX).unwrap_or(bytes);
        let mut reader = Reader { bytes, position: 0 };
        let mut prefixes = Self { rex: 0, has_operand_size: false, has_address_size: false };
        loop {
            let byte = reader.peek()?;
            match byte {
                0x66 => prefixes.has_operand_size = true,
                0x67 => prefixes.has_address_size = true,
                0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0xf0 | 0xf2 | 0xf3 => {}
                0x40..=0x4f if width == Width::Bits64 => {
                    prefixes.rex = byte;
                    reader.position += 1;
                    continue;
                }
                _ => return Some((prefixes, reader)),
            }
            // A REX prefix counts only directly before the opcode.
            prefixes.rex = 0;
            reader.position += 1;
        }
    }

    /// Bit `bit` of REX: 0 = B, 1 = X, 2 = R, 3 = W.
    fn rex_bit(&self, bit: u8) -> u8 {
        self.rex >> bit & 1
    }

    fn operand_bytes(&self, width: Width) -> u8 {
        match (width, self.has_operand_size) {
            (Width::Bits64, _) if self.rex_bit(3) == 1 => 8,
            (Width::Bits16, false) | (Width::Bits32 | Width::Bits64, true) => 2,
            _ => 4,
        }
    }

    fn address_bytes(&self, width: Width) -> usize {
        match (width, self.has_address_size) {
            (Width::Bits64, false) => 8,
            (Width::Bits16, false) | (Width::Bits32, true) => 2,
            _ => 4,
        }
    }
}

/// Reads an instruction byte by byte.
struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.position += 1;
        Some(byte)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.position += count;
        (self.position <= self.bytes.len()).then_some(())
    }

    /// Bytes read so far; at most [`INSTRUCTION_MAX`].
    fn length(&self) -> u8 {
        self.position as u8
    }

    /// Reads ModRM with a memory operand, SIB and displacement; returns the register operand.
    fn memory_operand(&mut self, prefixes: &Prefixes, width: Width, size: u8) -> Option<Register> {
        let modrm = self.next()?;
        let (mode, base) = (modrm >> 6, modrm & 7);
        if mode == 3 {
            return None;
        }
        let displacement = if prefixes.address_bytes(width) == 2 {
            displacement_16(mode, base)
        } else {
            let base = if base == 4 { self.next()? & 7 | 8 } else { base };
            displacement_32(mode, base)
        };
        self.skip(displacement)?;
        Some(register_operand(modrm >> 3 & 7, prefixes, size))
    }

    /// Reads an immediate for operand `size`: at most four bytes, sign-extended.
    fn immediate(&mut self, size: u8) -> Option<u64> {
        let count = size.min(4);
        let mut value = 0u64;
        for index in 0..count {
            value |= u64::from(self.next()?) << (8 * index);
        }
        let unused = 64 - 8 * u32::from(count);
        Some(((value << unused) as i64 >> unused) as u64)
    }
}

/// Bytes of displacement with 16-bit addresses (Intel SDM vol. 2, table 2-1).
fn displacement_16(mode: u8, base: u8) -> usize {
    match (mode, base) {
        (0, 6) | (2, _) => 2,
        (1, _) => 1,
        _ => 0,
    }
}

/// Bytes of displacement with 32- and 64-bit addresses (Intel SDM vol. 2, tables 2-2 and 2-3). `base` has bit 3
/// set if it comes from a SIB byte.
fn displacement_32(mode: u8, base: u8) -> usize {
    match (mode, base & 7) {
        (0, 5) | (2, _) => 4,
        (1, _) => 1,
        _ => 0,
    }
}

fn register_operand(field: u8, prefixes: &Prefixes, size: u8) -> Register {
    let is_high = size == 1 && prefixes.rex == 0 && field >= 4;
    let index = if is_high { field - 4 } else { field | prefixes.rex_bit(2) << 3 };
    Register { index, is_high }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn register(index: u8) -> Register {
        Register { index, is_high: false }
    }

    fn load(index: u8, size: u8, length: u8) -> Option<MemoryMove> {
        Some(MemoryMove { operation: Move::Load(register(index)), size, length })
    }

    fn store(source: Source, size: u8, length: u8) -> Option<MemoryMove> {
        Some(MemoryMove { operation: Move::Store(source), size, length })
    }

    #[test]
    fn moves_that_compilers_use_for_device_registers_are_decoded() {
        let wide = Width::Bits64;
        // mov eax, [rax]
        assert_eq!(memory_move(&[0x8b, 0x00], wide), load(0, 4, 2));
        // mov eax, [0xfee00030] (absolute, through SIB)
        assert_eq!(memory_move(&[0x8b, 0x04, 0x25, 0x30, 0, 0xe0, 0xfe], wide), load(0, 4, 7));
        // mov r9d, [rdi + 0x20]
        assert_eq!(memory_move(&[0x44, 0x8b, 0x4f, 0x20], wide), load(9, 4, 4));
        // mov eax, [rip + 0x1000]
        assert_eq!(memory_move(&[0x8b, 0x05, 0, 0x10, 0, 0], wide), load(0, 4, 6));
        // mov word [rdx], ax
        assert_eq!(memory_move(&[0x66, 0x89, 0x02], wide), store(Source::Register(register(0)), 2, 3));
        // mov dword [0xfee000b0], 0
        let bytes = [0xc7, 0x04, 0x25, 0xb0, 0, 0xe0, 0xfe, 0, 0, 0, 0];
        assert_eq!(memory_move(&bytes, wide), store(Source::Immediate(0), 4, 11));
        // xchg [rdx], eax
        let exchange = memory_move(&[0x87, 0x02], wide).unwrap();
        assert_eq!(exchange.operation, Move::Exchange(register(0)));
        // movabs eax, [0xfee00030]
        assert_eq!(memory_move(&[0xa1, 0x30, 0, 0xe0, 0xfe, 0, 0, 0, 0], wide), load(0, 4, 9));
    }

    #[test]
    fn sixteen_bit_addresses_have_their_own_displacements() {
        // mov ax, [bx+si+0x12]
        assert_eq!(memory_move(&[0x8b, 0x40, 0x12], Width::Bits16), load(0, 2, 3));
        // mov eax, [0x1234] in a 16-bit segment
        assert_eq!(memory_move(&[0x66, 0x8b, 0x06, 0x34, 0x12], Width::Bits16), load(0, 4, 5));
        // mov eax, [esp] in a 16-bit segment with both prefixes
        assert_eq!(memory_move(&[0x66, 0x67, 0x8b, 0x04, 0x24], Width::Bits16), load(0, 4, 5));
    }

    #[test]
    fn high_byte_registers_need_the_absence_of_rex() {
        let high = Register { index: 0, is_high: true };
        assert_eq!(memory_move(&[0x88, 0x22], Width::Bits64), store(Source::Register(high), 1, 2));
        assert_eq!(
            memory_move(&[0x40, 0x88, 0x22], Width::Bits64),
            store(Source::Register(register(4)), 1, 3)
        );
    }

    #[test]
    fn register_forms_and_other_instructions_are_not_memory_moves() {
        assert_eq!(memory_move(&[0x8b, 0xc0], Width::Bits64), None);
        assert_eq!(memory_move(&[0x0f, 0xa2], Width::Bits64), None);
        assert_eq!(memory_move(&[0xc7, 0x08, 0, 0, 0, 0], Width::Bits64), None);
    }

    #[test]
    fn immediates_are_sign_extended() {
        let bytes = [0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(memory_move(&bytes, Width::Bits64), store(Source::Immediate(u64::MAX), 8, 7));
    }

    #[test]
    fn redundant_prefixes_count() {
        assert_eq!(fixed_length(&[0x0f, 0xa2], Width::Bits64, &[0x0f, 0xa2]), Some(2));
        assert_eq!(fixed_length(&[0x66, 0x48, 0x0f, 0xa2], Width::Bits64, &[0x0f, 0xa2]), Some(4));
        assert_eq!(fixed_length(&[0x48, 0x0f, 0xa2], Width::Bits32, &[0x0f, 0xa2]), None);
        assert_eq!(fixed_length(&[0x0f, 0x32], Width::Bits64, &[0x0f, 0xa2]), None);
    }

    #[test]
    fn control_register_moves_name_their_general_register() {
        // mov cr0, rax; mov cr8, r15; lmsw bx
        let plain = SystemMove { register: 0, form: SystemForm::Whole, length: 3 };
        assert_eq!(system_move(&[0x0f, 0x22, 0xc0], Width::Bits64), Some(plain));
        let extended = SystemMove { register: 15, form: SystemForm::Whole, length: 4 };
        assert_eq!(system_move(&[0x45, 0x0f, 0x22, 0xc7], Width::Bits64), Some(extended));
        let status = SystemMove { register: 3, form: SystemForm::LoadStatusWord, length: 3 };
        assert_eq!(system_move(&[0x0f, 0x01, 0xf3], Width::Bits16), Some(status));
        // smsw cx; clts; smsw [rax]
        let stored = SystemMove { register: 1, form: SystemForm::StoreStatusWord(2), length: 4 };
        assert_eq!(system_move(&[0x66, 0x0f, 0x01, 0xe1], Width::Bits64), Some(stored));
        let cleared = system_move(&[0x0f, 0x06], Width::Bits32).unwrap();
        assert_eq!((cleared.form, cleared.length), (SystemForm::ClearTaskSwitched, 2));
        assert_eq!(system_move(&[0x0f, 0x01, 0x20], Width::Bits64), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            for width in [Width::Bits16, Width::Bits32, Width::Bits64] {
                if let Some(decoded) = memory_move(&bytes, width) {
                    prop_assert!(usize::from(decoded.length) <= bytes.len().min(INSTRUCTION_MAX));
                }
                let _ = (system_move(&bytes, width), fixed_length(&bytes, width, &[0x0f, 0xa2]));
            }
        }
    }
}
