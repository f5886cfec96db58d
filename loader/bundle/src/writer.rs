//! Makes bundles.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base_units::PAGE_BYTES;

use crate::layout::{self, ENTRY_BYTES, HEADER_BYTES, NAME_BYTES_MAX};
use crate::reader::table_checksum;
use crate::{Checksum, ENTRIES_MAX};

/// Why a file cannot be put into a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteRefusal {
    /// The name is empty, longer than [`NAME_BYTES_MAX`] bytes, or holds a zero byte.
    BadName,
    /// There is a file of that name already.
    Exists,
    /// [`ENTRIES_MAX`] files are in it.
    Full,
}

impl fmt::Display for WriteRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteRefusal::BadName => {
                write!(f, "a name in a bundle has 1 to {NAME_BYTES_MAX} bytes and no zero byte")
            }
            WriteRefusal::Exists => f.write_str("the bundle has a file of that name already"),
            WriteRefusal::Full => write!(f, "a bundle holds at most {ENTRIES_MAX} files"),
        }
    }
}

impl core::error::Error for WriteRefusal {}

/// Collects files and lays them out.
#[derive(Default)]
pub struct BundleWriter<'a> {
    files: BTreeMap<String, Cow<'a, [u8]>>,
}

impl<'a> BundleWriter<'a> {
    /// A bundle without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a file into the bundle.
    pub fn add(&mut self, name: &str, content: impl Into<Cow<'a, [u8]>>) -> Result<(), WriteRefusal> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
            return Err(WriteRefusal::BadName);
        }
        if self.files.contains_key(name) {
            return Err(WriteRefusal::Exists);
        }
        if self.files.len() == ENTRIES_MAX {
            return Err(WriteRefusal::Full);
        }
        self.files.insert(String::from(name), content.into());
        Ok(())
    }

    /// The bytes of the bundle: the same for the same files, whatever order they came in.
    pub fn finish(&self) -> Vec<u8> {
        let mut table = Vec::with_capacity(self.files.len() * ENTRY_BYTES);
        let mut offset = padded(HEADER_BYTES + self.files.len() * ENTRY_BYTES);
        for (name, content) in &self.files {
            push_line(&mut table, name, offset, content);
            offset += padded(content.len());
        }
        let mut bundle = header(self.files.len(), offset, &table);
        bundle.reserve_exact(offset - bundle.len());
        bundle.extend_from_slice(&table);
        pad(&mut bundle);
        for content in self.files.values() {
            bundle.extend_from_slice(content);
            pad(&mut bundle);
        }
        bundle
    }
}

/// The header for `count` files with this table.
fn header(count: usize, total_bytes: usize, table: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&layout::MAGIC.to_le_bytes());
    header.extend_from_slice(&layout::VERSION.to_le_bytes());
    header.extend_from_slice(&(count as u32).to_le_bytes());
    header.extend_from_slice(&(total_bytes as u64).to_le_bytes());
    header.resize(HEADER_BYTES, 0);
    let checksum = table_checksum(&header, table).to_le_bytes();
    header.splice(layout::header::CHECKSUM..layout::header::RESERVED, checksum);
    header
}

/// Appends one line of the table.
fn push_line(table: &mut Vec<u8>, name: &str, offset: usize, content: &[u8]) {
    let line = table.len();
    table.extend_from_slice(name.as_bytes());
    table.resize(line + layout::entry::OFFSET, 0);
    table.extend_from_slice(&(offset as u64).to_le_bytes());
    table.extend_from_slice(&(content.len() as u64).to_le_bytes());
    table.extend_from_slice(&Checksum::of(content).to_le_bytes());
    table.resize(line + ENTRY_BYTES, 0);
}

/// `bytes` rounded up to whole pages.
fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE_BYTES as usize)
}

/// Fills the last page with zeros.
fn pad(bundle: &mut Vec<u8>) {
    bundle.resize(padded(bundle.len()), 0);
}
