//! Notes: the one that says where to enter.

use super::header::{NOTE, ProgramHeader};
use crate::{FileBytes, FirmwareError, source::Header};

/// `XEN_ELFNOTE_PHYS32_ENTRY`.
const PHYSICAL_ENTRY: u32 = 18;
const NAME: [u8; 4] = *b"Xen\0";
/// Bytes of a note's own header.
const HEADER_BYTES: u64 = 12;
/// Notes that are looked at in one segment at the most.
const NOTES_MAX: usize = 256;

/// The physical entry point that the notes give, if they do.
pub(super) fn find_entry(
    file: &dyn FileBytes,
    headers: &[ProgramHeader],
) -> Result<Option<u64>, FirmwareError> {
    for header in headers.iter().filter(|header| header.kind == NOTE) {
        if let Some(entry) = find_in_segment(file, header)? {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

fn find_in_segment(file: &dyn FileBytes, header: &ProgramHeader) -> Result<Option<u64>, FirmwareError> {
    let end = header.offset.checked_add(header.file_bytes).ok_or(FirmwareError::BadElf)?;
    // Notes are padded to 4 bytes, or to 8 where the segment says so (gABI, "Note Section").
    let padding = if header.alignment == 8 { 8 } else { 4 };
    let mut offset = header.offset;
    for _ in 0..NOTES_MAX {
        let Some(note) = Note::read(file, offset, end)? else { return Ok(None) };
        if let Some(entry) = note.physical_entry(file)? {
            return Ok(Some(entry));
        }
        offset = note.next(padding).ok_or(FirmwareError::BadElf)?;
    }
    Ok(None)
}

/// One note's place in the file.
struct Note {
    name: u64,
    name_bytes: u32,
    content_bytes: u32,
    kind: u32,
}

impl Note {
    /// The note at `offset`, or `None` where the segment ends.
    fn read(file: &dyn FileBytes, offset: u64, end: u64) -> Result<Option<Self>, FirmwareError> {
        let name = offset.checked_add(HEADER_BYTES).ok_or(FirmwareError::BadElf)?;
        if name > end {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_BYTES as usize];
        file.read(offset, &mut bytes)?;
        let fields = Header(&bytes);
        Ok(Some(Self { name, name_bytes: fields.u32(0), content_bytes: fields.u32(4), kind: fields.u32(8) }))
    }

    /// The entry, if this is the note that names one: 4 or 8 bytes.
    fn physical_entry(&self, file: &dyn FileBytes) -> Result<Option<u64>, FirmwareError> {
        let is_named = self.kind == PHYSICAL_ENTRY && self.name_bytes as usize == NAME.len();
        if !is_named || !matches!(self.content_bytes, 4 | 8) {
            return Ok(None);
        }
        let mut bytes = [0; 12];
        let length = NAME.len() + self.content_bytes as usize;
        let note = bytes.get_mut(..length).ok_or(FirmwareError::BadElf)?;
        file.read(self.name, note)?;
        if !bytes.starts_with(&NAME) {
            return Ok(None);
        }
        Ok(Some(Header(&bytes).u64(NAME.len())))
    }

    fn next(&self, padding: u64) -> Option<u64> {
        let content = self.name.checked_add(u64::from(self.name_bytes).next_multiple_of(padding))?;
        content.checked_add(u64::from(self.content_bytes).next_multiple_of(padding))
    }
}
