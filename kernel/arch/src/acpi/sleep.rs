//! The sleep types of S5, found in the AML of the DSDT and SSDTs without running it.
//!
//! `Name (\_S5, Package () { a, b, ... })` is `08 [5C] "_S5_" 12 length count a b`, with constants
//! for `a` and `b` (ACPI 6.5, 20.2). A method or an expression there is not understood; no
//! firmware seen has one.

use super::{HEADER_BYTES, Table, Tables, root};
use crate::physical::Physical;

/// SLP_TYPa and SLP_TYPb.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SleepTypes {
    /// For PM1a.
    pub a: u8,
    /// For PM1b.
    pub b: u8,
}

/// Bytes that are looked at together; pieces overlap by [`PATTERN_BYTES`].
const PIECE_BYTES: usize = 1024;
/// The longest form of the declaration up to its second number.
const PATTERN_BYTES: usize = 32;

pub(super) fn find(memory: &impl Physical, tables: &Tables, dsdt: u64) -> Option<SleepTypes> {
    let dsdt = root::check_table(memory, dsdt);
    dsdt.into_iter().chain(tables.all(memory, b"SSDT")).find_map(|table| search(memory, table))
}

fn search(memory: &impl Physical, table: Table) -> Option<SleepTypes> {
    let mut at = HEADER_BYTES;
    while at < table.bytes {
        let mut piece = [0; PIECE_BYTES];
        let length = usize::try_from(table.bytes - at).ok()?.min(PIECE_BYTES);
        let piece = piece.get_mut(..length)?;
        if !memory.read(table.start.checked_add(at)?, piece) {
            return None;
        }
        if let Some(found) = search_piece(piece) {
            return Some(found);
        }
        at += (PIECE_BYTES - PATTERN_BYTES) as u64;
    }
    None
}

fn search_piece(piece: &[u8]) -> Option<SleepTypes> {
    let starts = piece.windows(4).enumerate().filter(|(_, name)| *name == b"_S5_");
    starts.filter_map(|(at, _)| parse(piece.get(..at)?, piece.get(at + 4..)?)).next()
}

/// `before` ends with the name operator, `after` starts with the package.
fn parse(before: &[u8], after: &[u8]) -> Option<SleepTypes> {
    let before = before.strip_suffix(b"\\").unwrap_or(before);
    if before.last() != Some(&0x08) {
        return None;
    }
    let (&0x12, rest) = after.split_first()? else { return None };
    // PkgLength: the top two bits of its first byte say how many more follow.
    let more = usize::from(rest.first()? >> 6);
    let (&count, values) = rest.get(1 + more..)?.split_first()?;
    let (a, rest) = constant(values)?;
    let b = if count >= 2 { constant(rest)?.0 } else { a };
    Some(SleepTypes { a: a & 7, b: b & 7 })
}

/// A constant of at most one significant byte, and what follows it.
fn constant(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (&operator, rest) = bytes.split_first()?;
    match operator {
        0x00 | 0x01 => Some((operator, rest)),
        0xff => Some((0xff, rest)),
        0x0a => rest.split_first().map(|(&value, rest)| (value, rest)),
        0x0b => Some((*rest.first()?, rest.get(2..)?)),
        0x0c => Some((*rest.first()?, rest.get(4..)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_found() {
        let qemu = b"junk\x08_S5_\x12\x06\x04\x00\x00\x00\x00";
        let vendor = b"\x08\\_S5_\x12\x0a\x04\x0a\x07\x0a\x05\x00\x00";

        assert_eq!(search_piece(qemu), Some(SleepTypes { a: 0, b: 0 }));
        assert_eq!(search_piece(vendor), Some(SleepTypes { a: 7, b: 5 }));
    }

    #[test]
    fn a_mere_mention_is_none() {
        assert_eq!(search_piece(b"\x70_S5_\x12\x06\x04\x00\x00"), None);
        assert_eq!(search_piece(b"\x08_S5_"), None);
    }
}
