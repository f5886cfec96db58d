//! The shortest way: MOV between a register and device memory, in 64-bit and 32-bit mode.

use crate::{
    InstructionBytes, Mode, Platform, Processor, Width,
    decode::{Operand, decode},
    paging::left_in_page,
};
use base_units::{Gpa, PAGE_BYTES};

/// Emulates the instruction if it is a plain MOV, MOVZX or MOV of a constant whose memory operand is
/// what the processor reported at `at`. `false`: nothing has happened, try [`crate::emulate`].
#[inline]
pub fn emulate_move<P: Platform>(
    cpu: &mut impl Processor,
    platform: &mut P,
    at: Gpa,
    bytes: &InstructionBytes,
) -> bool {
    // The processor itself has checked segment and page before it reported the place.
    let mode = cpu.mode();
    if mode == Mode::Bits16 {
        return false;
    }
    let Some(found) = QuickMove::read(bytes, mode) else { return false };
    if left_in_page(at.raw()) < found.width.bytes() {
        return false;
    }
    // The start of a page may be the second half of an operand that began in RAM.
    if at.raw().is_multiple_of(PAGE_BYTES) && found.width != Width::W8 && !begins_page(cpu, bytes, mode) {
        return false;
    }
    let size = found.width.access_size();
    match found.kind {
        Kind::Load(target) => {
            let value = platform.read_device(at, size);
            let old = cpu.register(found.register);
            cpu.set_register(found.register, target.merge(old, value & found.width.mask()));
        }
        Kind::Store => {
            let value = cpu.register(found.register) & found.width.mask();
            platform.write_device(at, size, value);
        }
        Kind::StoreConstant(value) => platform.write_device(at, size, value & found.width.mask()),
    }
    let next = cpu.instruction_pointer().wrapping_add(found.length);
    cpu.set_instruction_pointer(if mode == Mode::Bits64 { next } else { next & 0xFFFF_FFFF });
    true
}

/// Whether the operand begins where a page does.
#[inline(never)]
fn begins_page(cpu: &impl Processor, bytes: &InstructionBytes, mode: Mode) -> bool {
    let Some(instruction) = decode(bytes.as_slice(), mode) else { return false };
    let Operand::Memory(address) = instruction.operand else { return false };
    let part = |register: Option<u8>| register.map_or(0, |index| cpu.register(usize::from(index)));
    let mut place = address.displacement.wrapping_add(part(address.base));
    place = place.wrapping_add(part(address.index) << address.scale);
    if address.is_relative {
        let next = cpu.instruction_pointer().wrapping_add(u64::from(instruction.length));
        place = place.wrapping_add(next);
    }
    if mode != Mode::Bits64 {
        place = place.wrapping_add(cpu.segment_base(address.segment));
    }
    place % PAGE_BYTES == 0
}

/// What the MOV does.
#[derive(Clone, Copy)]
enum Kind {
    /// Memory to a register of this width.
    Load(Width),
    /// Register to memory.
    Store,
    /// Constant to memory.
    StoreConstant(u64),
}

/// A MOV that this path takes.
struct QuickMove {
    kind: Kind,
    /// Of the access.
    width: Width,
    register: usize,
    length: u64,
}

impl QuickMove {
    /// Reads prefixes 66 and REX, the opcode, and the length of the memory operand.
    #[inline]
    fn read(bytes: &InstructionBytes, mode: Mode) -> Option<Self> {
        let mut rest = bytes.as_u128() as u64;
        let mut length = 0;
        let mut wide = Width::W32;
        if rest as u8 == 0x66 {
            wide = Width::W16;
            (rest, length) = (rest >> 8, length + 1);
        }
        let mut rex = 0;
        if rest as u8 & 0xF0 == 0x40 && mode == Mode::Bits64 {
            rex = rest as u8;
            (rest, length) = (rest >> 8, length + 1);
            if rex & 8 != 0 {
                wide = Width::W64;
            }
        }
        let mut kind = Kind::Store;
        let mut width = wide;
        let mut constant_bytes = 0;
        match rest as u8 {
            0x8B => kind = Kind::Load(wide),
            0x89 => {}
            0x88 => width = Width::W8,
            0x8A => (kind, width) = (Kind::Load(Width::W8), Width::W8),
            0xC7 => constant_bytes = wide.bytes().min(4),
            0xC6 => (width, constant_bytes) = (Width::W8, 1),
            0x0F => {
                rest >>= 8;
                length += 1;
                kind = Kind::Load(wide);
                width = match rest as u8 {
                    0xB6 => Width::W8,
                    0xB7 => Width::W16,
                    _ => return None,
                };
            }
            _ => return None,
        }
        let operand = (rest >> 8) as u16;
        let register = usize::from(operand as u8 >> 3 & 7 | rex << 1 & 8);
        if is_high_byte(kind, width, register, rex) {
            return None;
        }
        length += 1 + operand_length(operand)?;
        if constant_bytes > 0 {
            // The register field extends the opcode; only zero is a MOV.
            if operand as u8 & 0o70 != 0 {
                return None;
            }
            kind = Kind::StoreConstant(constant_at(bytes, length, constant_bytes));
        }
        length += constant_bytes;
        let is_whole = length <= bytes.as_slice().len() as u64;
        is_whole.then_some(Self { kind, width, register, length })
    }
}

/// Without REX, byte registers 4 to 7 are AH to BH.
#[inline]
fn is_high_byte(kind: Kind, width: Width, register: usize, rex: u8) -> bool {
    let is_byte_register = match kind {
        Kind::Load(target) => target == Width::W8,
        Kind::Store => width == Width::W8,
        Kind::StoreConstant(_) => false,
    };
    is_byte_register && rex == 0 && register >= 4
}

/// Bytes of ModR/M, SIB and displacement; `None` for a register operand.
#[inline]
fn operand_length(operand: u16) -> Option<u64> {
    let (mode, base) = (operand as u8 >> 6, operand as u8 & 7);
    let has_index = base == 4;
    let displacement = match mode {
        0 if base == 5 || has_index && operand >> 8 & 7 == 5 => 4,
        0 => 0,
        1 => 1,
        2 => 4,
        _ => return None,
    };
    Some(1 + u64::from(has_index) + displacement)
}

/// The sign-extended constant behind the operand.
#[inline]
fn constant_at(bytes: &InstructionBytes, offset: u64, length: u64) -> u64 {
    let raw = (bytes.as_u128() >> (8 * offset)) as u64;
    match length {
        1 => raw as i8 as u64,
        2 => raw as i16 as u64,
        _ => raw as i32 as u64,
    }
}
