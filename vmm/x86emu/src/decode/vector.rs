//! Moves between vector registers and memory: legacy SSE and VEX (AMD APM vol. 4; Intel SDM vol. 2, 2.3).

use super::{Cursor, Instruction, Operation, Repeat, opcode::Reader, prefix::Prefixes};
use crate::{Mode, Width};

/// A move between a vector register and memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct VectorMove {
    pub(crate) kind: VectorKind,
    /// Of memory: 4, 8, 16 or 32.
    pub(crate) bytes: u8,
    /// An address that is no multiple of `bytes` faults.
    pub(crate) is_aligned: bool,
    /// The VEX prefix' other register; `None` for the legacy form, which keeps what it does not load.
    pub(crate) vex: Option<u8>,
}

/// Which part of the register is moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum VectorKind {
    /// Memory to the lowest bytes; the others of the lowest 128 bits become zero.
    Load,
    /// Eight bytes to bits 63..0; bits 127..64 come from the other register.
    LoadLow,
    /// Eight bytes to bits 127..64; bits 63..0 come from the other register.
    LoadHigh,
    /// The lowest bytes to memory.
    Store,
    /// Bits 127..64 to memory.
    StoreHigh,
}

/// How many bytes a form moves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The whole vector.
    Full,
    /// The whole vector, at an aligned address.
    Aligned,
    /// Four or eight bytes of the lowest element, whatever the vector's length.
    Scalar(u8),
    /// Eight bytes, of 128-bit vectors only.
    Half,
    /// Four bytes or, with W, eight; of 128-bit vectors only.
    General,
}

/// What an opcode is selected by besides its byte.
#[derive(Clone, Copy)]
struct Selection {
    /// The opcode map: 1 is 0F, 2 is 0F 38.
    map: u8,
    /// The mandatory prefix as VEX numbers them: none, 66, F3, F2.
    prefix: u8,
}

/// Legacy forms; `opcode` stands behind 0F.
pub(super) fn read_legacy(cursor: &mut Cursor<'_>, prefixes: &Prefixes, opcode: u8) -> Option<Instruction> {
    let prefix = match prefixes.repeat {
        Repeat::WhileEqual => 2,
        Repeat::WhileNotEqual => 3,
        Repeat::Once => u8::from(prefixes.has_operand_size),
    };
    let map = if opcode == 0x38 { 2 } else { 1 };
    let opcode = if map == 2 { cursor.next()? } else { opcode };
    let (kind, extent) = form(Selection { map, prefix }, opcode)?;
    let is_wide = prefixes.rex & 8 != 0;
    let (bytes, is_aligned) = measure(extent, 16, is_wide)?;
    finish(cursor, prefixes, VectorMove { kind, bytes, is_aligned, vex: None })
}

/// VEX forms; C4 or C5 was read. In 32-bit modes the caller has seen that it is no LES or LDS.
pub(super) fn read_vex(cursor: &mut Cursor<'_>, prefixes: &Prefixes, first: u8) -> Option<Instruction> {
    let is_spoiled = prefixes.repeat != Repeat::Once
        || prefixes.has_operand_size
        || prefixes.has_lock
        || prefixes.rex != 0;
    if is_spoiled || prefixes.mode == Mode::Bits16 {
        return None;
    }
    let second = cursor.next()?;
    // R, X and B are inverted and stand in REX's order; the short form has R alone.
    let (registers, map, last) = if first == 0xC5 {
        (second | 0x60, 1, second & 0x7F)
    } else {
        (second, second & 0x1F, cursor.next()?)
    };
    let opcode = cursor.next()?;
    let is_long = prefixes.mode == Mode::Bits64;
    let (rex, source_bits) = if is_long { (0x40 | !registers >> 5 & 7, 15) } else { (0, 7) };
    let (kind, extent) = form(Selection { map, prefix: last & 3 }, opcode)?;
    let vector_bytes = if last & 4 != 0 { 32 } else { 16 };
    let (bytes, is_aligned) = measure(extent, vector_bytes, is_long && last & 0x80 != 0)?;
    let source = !last >> 3 & 15;
    let has_source = matches!(kind, VectorKind::LoadLow | VectorKind::LoadHigh);
    if !has_source && source != 0 {
        return None;
    }
    let vex = Some(source & source_bits);
    let inner = Prefixes { rex, ..*prefixes };
    finish(cursor, &inner, VectorMove { kind, bytes, is_aligned, vex })
}

fn finish(cursor: &mut Cursor<'_>, prefixes: &Prefixes, found: VectorMove) -> Option<Instruction> {
    Reader { cursor, prefixes, width: Width::W32 }.memory(Operation::Vector(found))
}

/// Bytes in memory and whether they must be aligned; `None` for a length that the form does not have.
fn measure(extent: Extent, vector_bytes: u8, is_wide: bool) -> Option<(u8, bool)> {
    match extent {
        Extent::Full => Some((vector_bytes, false)),
        Extent::Aligned => Some((vector_bytes, true)),
        Extent::Scalar(bytes) => Some((bytes, false)),
        Extent::Half if vector_bytes == 16 => Some((8, false)),
        Extent::General if vector_bytes == 16 => Some((if is_wide { 8 } else { 4 }, false)),
        Extent::Half | Extent::General => None,
    }
}

// tidy: table
fn form(selection: Selection, opcode: u8) -> Option<(VectorKind, Extent)> {
    use Extent::{Aligned, Full, General, Half, Scalar};
    use VectorKind::{Load, LoadHigh, LoadLow, Store, StoreHigh};
    Some(match (selection.map, opcode, selection.prefix) {
        // MOVUPS, MOVUPD, MOVSS, MOVSD
        (1, 0x10, 0 | 1) => (Load, Full),
        (1, 0x10, 2) => (Load, Scalar(4)),
        (1, 0x10, 3) => (Load, Scalar(8)),
        (1, 0x11, 0 | 1) => (Store, Full),
        (1, 0x11, 2) => (Store, Scalar(4)),
        (1, 0x11, 3) => (Store, Scalar(8)),
        // MOVLPS, MOVLPD, MOVHPS, MOVHPD
        (1, 0x12, 0 | 1) => (LoadLow, Half),
        (1, 0x13, 0 | 1) => (Store, Half),
        (1, 0x16, 0 | 1) => (LoadHigh, Half),
        (1, 0x17, 0 | 1) => (StoreHigh, Half),
        // MOVAPS, MOVAPD, MOVNTPS, MOVNTPD
        (1, 0x28, 0 | 1) => (Load, Aligned),
        (1, 0x29 | 0x2B, 0 | 1) => (Store, Aligned),
        // MOVD, MOVQ
        (1, 0x6E, 1) => (Load, General),
        (1, 0x7E, 1) => (Store, General),
        (1, 0x7E, 2) => (Load, Half),
        (1, 0xD6, 1) => (Store, Half),
        // MOVDQA, MOVDQU, MOVNTDQ, LDDQU, MOVNTDQA
        (1, 0x6F, 1) => (Load, Aligned),
        (1, 0x6F, 2) => (Load, Full),
        (1, 0x7F, 1) => (Store, Aligned),
        (1, 0x7F, 2) => (Store, Full),
        (1, 0xE7, 1) => (Store, Aligned),
        (1, 0xF0, 3) => (Load, Full),
        (2, 0x2A, 1) => (Load, Aligned),
        _ => return None,
    })
}
