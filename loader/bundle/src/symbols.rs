//! The kernel's symbols in a form that a panic can search: no allocation, no copying.
//!
//! Header: magic `u64`, count `u32`, bytes of all names `u32`. Then `count` pairs of `u32`: the
//! symbol's offset from the start of the kernel's image (ascending) and where its name ends in the
//! block of names that follows; a name starts where the one before it ends.

use alloc::vec::Vec;

use crate::Refusal;
use crate::layout::{read_u32, read_u64};

/// The first eight bytes of a table of symbols.
pub const MAGIC: u64 = u64::from_le_bytes(*b"CORTENSY");
/// Bytes before the first pair.
const HEADER_BYTES: usize = 16;
/// Bytes of one pair.
const PAIR_BYTES: usize = 8;
/// Symbols in one table at the most.
const SYMBOLS_MAX: usize = 1 << 20;

/// A table of symbols. Lookups never leave the bytes, whatever these hold.
#[derive(Clone, Copy, Debug)]
pub struct Symbols<'a> {
    pairs: &'a [u8],
    names: &'a [u8],
}

/// A function of the kernel and a place in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Symbol<'a> {
    /// The function's name, demangled.
    pub name: &'a str,
    /// Bytes from the start of the function.
    pub inside: u32,
}

impl<'a> Symbols<'a> {
    /// Reads the header of a table. Bytes after the table (a padded page) are ignored.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        Self::split(bytes).ok_or(Refusal::BadSymbols)
    }

    fn split(bytes: &'a [u8]) -> Option<Self> {
        if read_u64(bytes, 0)? != MAGIC {
            return None;
        }
        let count = usize::try_from(read_u32(bytes, 8)?).ok().filter(|&count| count <= SYMBOLS_MAX)?;
        let names_bytes = usize::try_from(read_u32(bytes, 12)?).ok()?;
        let (pairs, rest) = bytes.get(HEADER_BYTES..)?.split_at_checked(count * PAIR_BYTES)?;
        Some(Self { pairs, names: rest.get(..names_bytes)? })
    }

    /// The symbol that the byte at `offset` from the start of the image belongs to.
    pub fn find(&self, offset: u32) -> Option<Symbol<'a>> {
        let (mut low, mut high) = (0, self.pairs.len() / PAIR_BYTES);
        while low < high {
            let middle = low.midpoint(high);
            if self.start(middle)? <= offset { low = middle + 1 } else { high = middle }
        }
        let index = low.checked_sub(1)?;
        let name_start = match index.checked_sub(1) {
            Some(before) => self.name_end(before)?,
            None => 0,
        };
        let name = self.names.get(name_start..self.name_end(index)?)?;
        Some(Symbol {
            name: core::str::from_utf8(name).ok()?,
            inside: offset.checked_sub(self.start(index)?)?,
        })
    }

    fn start(&self, index: usize) -> Option<u32> {
        read_u32(self.pairs, index.checked_mul(PAIR_BYTES)?)
    }

    fn name_end(&self, index: usize) -> Option<usize> {
        let end = read_u32(self.pairs, index.checked_mul(PAIR_BYTES)?.checked_add(4)?)?;
        usize::try_from(end).ok()
    }
}

/// Writes a table. Of symbols at the same offset the first one stays.
pub fn write(symbols: &[(u32, &str)]) -> Vec<u8> {
    let mut sorted = symbols.to_vec();
    sorted.sort_by_key(|&(offset, _)| offset);
    sorted.dedup_by_key(|&mut (offset, _)| offset);
    sorted.truncate(SYMBOLS_MAX);
    let mut pairs = Vec::with_capacity(sorted.len() * PAIR_BYTES);
    let mut names = Vec::new();
    for (offset, name) in &sorted {
        names.extend_from_slice(name.as_bytes());
        pairs.extend_from_slice(&offset.to_le_bytes());
        pairs.extend_from_slice(&(names.len() as u32).to_le_bytes());
    }
    let mut table = Vec::with_capacity(HEADER_BYTES + pairs.len() + names.len());
    table.extend_from_slice(&MAGIC.to_le_bytes());
    table.extend_from_slice(&(sorted.len() as u32).to_le_bytes());
    table.extend_from_slice(&(names.len() as u32).to_le_bytes());
    table.extend_from_slice(&pairs);
    table.extend_from_slice(&names);
    table
}
