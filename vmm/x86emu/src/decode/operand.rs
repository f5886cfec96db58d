//! ModR/M, SIB and displacement (AMD APM vol. 3, 1.4).

use super::{Cursor, prefix::Prefixes};
use crate::{Mode, SegmentRegister, Width};

/// The operand that ModR/M names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operand {
    /// A general register.
    Register(u8),
    /// Memory.
    Memory(Address),
}

/// How a memory operand's address is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    pub(crate) base: Option<u8>,
    pub(crate) index: Option<u8>,
    /// The index is shifted left by this.
    pub(crate) scale: u8,
    /// Sign-extended.
    pub(crate) displacement: u64,
    /// Relative to the next instruction.
    pub(crate) is_relative: bool,
    /// The segment without a prefix.
    pub(crate) segment: SegmentRegister,
}

impl Address {
    /// A bare displacement.
    pub(super) const fn absolute(displacement: u64) -> Self {
        Self {
            base: None,
            index: None,
            scale: 0,
            displacement,
            is_relative: false,
            segment: SegmentRegister::Ds,
        }
    }

    /// A register and a displacement.
    const fn based(base: u8, displacement: u64) -> Self {
        Self { base: Some(base), ..Self::absolute(displacement) }
    }

    fn with_stack_segment(self, is_stack: bool) -> Self {
        if is_stack { Self { segment: SegmentRegister::Ss, ..self } } else { self }
    }
}

/// ModR/M's two operands.
pub(super) struct Operands {
    pub(super) register: u8,
    pub(super) operand: Operand,
}

const BX: u8 = 3;
const SP: u8 = 4;
const BP: u8 = 5;
const SI: u8 = 6;
const DI: u8 = 7;

impl Operands {
    pub(super) fn read(cursor: &mut Cursor<'_>, prefixes: &Prefixes) -> Option<Self> {
        let byte = cursor.next()?;
        let (mode, low) = (byte >> 6, byte & 7);
        let register = byte >> 3 & 7 | prefixes.rex << 1 & 8;
        let operand = if mode == 3 {
            Operand::Register(low | prefixes.rex << 3 & 8)
        } else if prefixes.address_width() == Width::W16 {
            Operand::Memory(read_16(cursor, mode, low)?)
        } else {
            Operand::Memory(read_32(cursor, prefixes, mode, low)?)
        };
        Some(Self { register, operand })
    }
}

/// Addresses of 16 bits: fixed pairs of registers.
fn read_16(cursor: &mut Cursor<'_>, mode: u8, low: u8) -> Option<Address> {
    let displacement = match (mode, low) {
        (0, 6) => return Some(Address::absolute(cursor.constant(Width::W16)?)),
        (0, _) => 0,
        (1, _) => cursor.constant(Width::W8)?,
        _ => cursor.constant(Width::W16)?,
    };
    let (base, index) = match low {
        0 => (BX, Some(SI)),
        1 => (BX, Some(DI)),
        2 => (BP, Some(SI)),
        3 => (BP, Some(DI)),
        4 => (SI, None),
        5 => (DI, None),
        6 => (BP, None),
        _ => (BX, None),
    };
    let address = Address { index, ..Address::based(base, displacement) };
    Some(address.with_stack_segment(base == BP))
}

/// Addresses of 32 and 64 bits.
fn read_32(cursor: &mut Cursor<'_>, prefixes: &Prefixes, mode: u8, low: u8) -> Option<Address> {
    if low == 4 {
        return read_scaled(cursor, prefixes, mode);
    }
    if mode == 0 && low == 5 {
        let displacement = cursor.constant(Width::W32)?;
        let is_relative = prefixes.mode == Mode::Bits64;
        return Some(Address { is_relative, ..Address::absolute(displacement) });
    }
    let base = low | prefixes.rex << 3 & 8;
    let displacement = read_displacement(cursor, mode)?;
    Some(Address::based(base, displacement).with_stack_segment(base == BP))
}

/// An address with a SIB byte.
fn read_scaled(cursor: &mut Cursor<'_>, prefixes: &Prefixes, mode: u8) -> Option<Address> {
    let byte = cursor.next()?;
    let index = byte >> 3 & 7 | prefixes.rex << 2 & 8;
    let index = (index != SP).then_some(index);
    let scale = byte >> 6;
    if byte & 7 == 5 && mode == 0 {
        let displacement = cursor.constant(Width::W32)?;
        return Some(Address { index, scale, ..Address::absolute(displacement) });
    }
    let base = byte & 7 | prefixes.rex << 3 & 8;
    let displacement = read_displacement(cursor, mode)?;
    let address = Address { index, scale, ..Address::based(base, displacement) };
    Some(address.with_stack_segment(base == SP || base == BP))
}

fn read_displacement(cursor: &mut Cursor<'_>, mode: u8) -> Option<u64> {
    match mode {
        0 => Some(0),
        1 => cursor.constant(Width::W8),
        _ => cursor.constant(Width::W32),
    }
}
