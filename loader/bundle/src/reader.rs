//! Reads a bundle's header and table, whoever wrote them.

use core::cmp::Ordering;

use base_units::PAGE_BYTES;

use crate::layout::{self, ENTRY_BYTES, HEADER_BYTES, NAME_BYTES_MAX, read_u32, read_u64};
use crate::{Checksum, ENTRIES_MAX, Refusal};

/// The table of a bundle. Having one proves: checksum right, names unique and sorted, every file
/// on pages of its own inside of the bundle. The files' contents have not been looked at.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'a> {
    /// Whole lines of the table.
    table: &'a [u8],
    total_bytes: u64,
}

/// One file of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a str,
    /// First byte, from the start of the bundle; a multiple of the page size.
    pub offset: u64,
    /// Length in bytes. The rest of the last page is zero.
    pub bytes: u64,
    /// What [`Checksum`] gives over its bytes.
    pub checksum: u64,
}

impl Entry<'_> {
    /// Checks that `content` is this file, undamaged.
    pub fn verify(&self, content: &[u8]) -> Result<(), Refusal> {
        let has_length = u64::try_from(content.len()) == Ok(self.bytes);
        if has_length && Checksum::of(content) == self.checksum { Ok(()) } else { Err(Refusal::FileDamaged) }
    }

    /// Bytes from `offset` to the end of the file's last page.
    pub fn padded_bytes(&self) -> u64 {
        self.bytes.next_multiple_of(PAGE_BYTES)
    }
}

impl<'a> Bundle<'a> {
    /// How many bytes from the start of the bundle [`Bundle::parse`] wants to see, by its
    /// first [`HEADER_BYTES`]; about 300 for each file. Only the header's shape has been checked.
    pub fn table_end(header: &[u8]) -> Result<usize, Refusal> {
        let short = Refusal::TooShort;
        let header = header.get(..HEADER_BYTES).ok_or(short)?;
        if read_u64(header, layout::header::MAGIC) != Some(layout::MAGIC) {
            return Err(Refusal::NotABundle);
        }
        let version = read_u32(header, layout::header::VERSION).ok_or(short)?;
        if version != layout::VERSION {
            return Err(Refusal::UnknownVersion(version));
        }
        let count = read_u32(header, layout::header::COUNT).ok_or(short)?;
        let lines = usize::try_from(count).map_err(|_| Refusal::BadCount(count))?;
        if lines == 0 || lines > ENTRIES_MAX {
            return Err(Refusal::BadCount(count));
        }
        Ok(HEADER_BYTES + lines * ENTRY_BYTES)
    }

    /// Reads the table of a bundle from its first bytes, of which there may be more than needed.
    ///
    /// `present_bytes` says how much of the bundle was loaded; loaders may round it up.
    pub fn parse(first_bytes: &'a [u8], present_bytes: u64) -> Result<Self, Refusal> {
        let end = Self::table_end(first_bytes)?;
        let covered = first_bytes.get(..end).ok_or(Refusal::TableCut)?;
        let (header, table) = covered.split_at_checked(HEADER_BYTES).ok_or(Refusal::TableCut)?;
        if read_u64(header, layout::header::CHECKSUM) != Some(table_checksum(header, table)) {
            return Err(Refusal::TableDamaged);
        }
        if header.iter().skip(layout::header::RESERVED).any(|&byte| byte != 0) {
            return Err(Refusal::ReservedNotZero);
        }
        let total_bytes = read_u64(header, layout::header::TOTAL).ok_or(Refusal::TooShort)?;
        if total_bytes > present_bytes {
            return Err(Refusal::Cut { promised: total_bytes, present: present_bytes });
        }
        let bundle = Self { table, total_bytes };
        bundle.check_lines()?;
        Ok(bundle)
    }

    /// Files in the bundle.
    pub fn len(&self) -> usize {
        self.table.len() / ENTRY_BYTES
    }

    /// A bundle has at least one file.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Bytes of the whole bundle.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// The files, sorted by name.
    pub fn entries(&self) -> Entries<'a> {
        Entries { bundle: *self, next: 0 }
    }

    /// The file in line `index` of the table.
    pub fn entry(&self, index: usize) -> Option<Entry<'a>> {
        let start = index.checked_mul(ENTRY_BYTES)?;
        read_line(self.table.get(start..start.checked_add(ENTRY_BYTES)?)?)
    }

    /// The file of this name.
    pub fn find(&self, name: &str) -> Result<Entry<'a>, Refusal> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let entry = self.entry(middle).ok_or(Refusal::NotFound)?;
            match entry.name.cmp(name) {
                Ordering::Equal => return Ok(entry),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        Err(Refusal::NotFound)
    }

    /// The bytes of the file of this name, verified, where `bundle` is the whole bundle in memory.
    pub fn content<'b>(&self, bundle: &'b [u8], name: &str) -> Result<&'b [u8], Refusal> {
        let entry = self.find(name)?;
        let start = usize::try_from(entry.offset).map_err(|_| Refusal::FileDamaged)?;
        let length = usize::try_from(entry.bytes).map_err(|_| Refusal::FileDamaged)?;
        let end = start.checked_add(length).ok_or(Refusal::FileDamaged)?;
        let content = bundle.get(start..end).ok_or(Refusal::FileDamaged)?;
        entry.verify(content)?;
        Ok(content)
    }

    /// Checks what the type promises of each line.
    fn check_lines(&self) -> Result<(), Refusal> {
        let mut name_before = "";
        let table_end = HEADER_BYTES + self.table.len();
        let mut free_from = u64::try_from(table_end).map_err(|_| Refusal::TableCut)?;
        for (line, raw) in (0_u32..).zip(self.table.chunks_exact(ENTRY_BYTES)) {
            let entry = read_line(raw).ok_or(Refusal::BadName(line))?;
            if entry.name <= name_before {
                return Err(Refusal::NotSorted(line));
            }
            if read_u64(raw, layout::entry::RESERVED) != Some(0) {
                return Err(Refusal::ReservedNotZero);
            }
            let end = entry.offset.checked_add(entry.bytes).ok_or(Refusal::BadPlace(line))?;
            let is_aligned = entry.offset.is_multiple_of(PAGE_BYTES);
            if !is_aligned || entry.offset < free_from || end > self.total_bytes {
                return Err(Refusal::BadPlace(line));
            }
            name_before = entry.name;
            free_from = end;
        }
        Ok(())
    }
}

/// The files of a bundle, sorted by name.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    bundle: Bundle<'a>,
    next: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let entry = self.bundle.entry(self.next)?;
        self.next += 1;
        Some(entry)
    }
}

/// The checksum over header and table, with the header's own field as zero.
pub(crate) fn table_checksum(header: &[u8], table: &[u8]) -> u64 {
    let mut checksum = Checksum::new();
    let (before, rest) = header.split_at_checked(layout::header::CHECKSUM).unwrap_or((header, &[]));
    checksum.update(before);
    checksum.update(&[0; 8]);
    checksum.update(rest.get(8..).unwrap_or(&[]));
    checksum.update(table);
    checksum.value()
}

/// The entry that one line of the table describes; `None` if its name is none.
fn read_line(line: &[u8]) -> Option<Entry<'_>> {
    let field = line.get(layout::entry::NAME..layout::entry::NAME + NAME_BYTES_MAX)?;
    let length = field.iter().position(|&byte| byte == 0).unwrap_or(NAME_BYTES_MAX);
    let (name, padding) = field.split_at_checked(length)?;
    if name.is_empty() || padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    Some(Entry {
        name: core::str::from_utf8(name).ok()?,
        offset: read_u64(line, layout::entry::OFFSET)?,
        bytes: read_u64(line, layout::entry::BYTES)?,
        checksum: read_u64(line, layout::entry::CHECKSUM)?,
    })
}
