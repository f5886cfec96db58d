//! Program files: which part of the file goes where in a new process.
//!
//! What a loader asks of a program file (the linker script of the target keeps it; the kernel loads the
//! first program by the same rules):
//! - ELF64, little-endian, x86-64, type EXEC: linked at a fixed address, nothing to relocate;
//! - the ELF header and all program headers lie in the first 4 KiB of the file;
//! - each PT_LOAD segment starts at a multiple of 4 KiB in the file and in memory, and its part of the
//!   file is a multiple of 4 KiB long, so that pages of the file can be mapped as they are; what it has in
//!   memory beyond that is zeros;
//! - segments ascend, do not overlap, and are readable and at most one of writable and executable;
//! - no interpreter, no dynamic section, no thread-local storage.
//!
//! The file is foreign: every number in it is checked before it is used.

use crate::address_space::{HEAP_LIMIT, IMAGE_BASE};
use alloc::vec::Vec;
use base_units::PAGE_BYTES;

/// Bytes at the start of the file that hold all headers.
pub const HEADER_BYTES: usize = 4096;
/// Program headers of one file at the most.
const PROGRAM_HEADERS_MAX: usize = 16;

/// Bytes of the ELF header (System V ABI, chapter 4: `Elf64_Ehdr`).
const ELF_HEADER_BYTES: u16 = 64;
/// Bytes of one program header (`Elf64_Phdr`).
const PROGRAM_HEADER_BYTES: u16 = 56;
/// "\x7fELF", 64-bit, little-endian, version 1.
const IDENTIFICATION: [u8; 7] = [0x7f, b'E', b'L', b'F', 2, 1, 1];
const TYPE_EXEC: u16 = 2;
const MACHINE_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_TLS: u32 = 7;
const FLAG_EXECUTE: u32 = 1;
const FLAG_WRITE: u32 = 2;
const FLAG_READ: u32 = 4;

/// What a program file was refused for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ElfError {
    /// The file ends before its headers do, or headers lie past the first 4 KiB.
    Truncated,
    /// Not an ELF64 file for x86-64.
    NotForThisMachine,
    /// Not linked at a fixed address, or needs an interpreter, relocation or thread-local storage.
    NotStatic,
    /// More program headers than a loader looks at, or none to load.
    SegmentCount,
    /// A segment is not made of whole pages.
    NotWholePages,
    /// A segment's part of the file lies outside of the file.
    OutsideFile,
    /// A segment lies outside of the range for programs, or overlaps another.
    BadAddress,
    /// A segment is unreadable, or both writable and executable.
    BadAccess,
    /// The entry point is in no executable segment.
    BadEntry,
}

/// What a program may do with a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read.
    Read,
    /// Read and execute.
    ReadExecute,
    /// Read and write.
    ReadWrite,
}

/// One part of a program. Having one proves that its numbers are whole pages in range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Where it starts in the file.
    pub file_offset: u64,
    /// Bytes that come from the file.
    pub file_bytes: u64,
    /// Where it goes.
    pub address: u64,
    /// Bytes in memory, rounded up to pages; zeros behind `file_bytes`.
    pub memory_bytes: u64,
    /// What the program may do with it.
    pub access: Access,
}

impl Segment {
    /// First byte behind the segment.
    fn end(&self) -> u64 {
        self.address + self.memory_bytes
    }

    /// Bytes that start as zeros.
    pub fn zero_bytes(&self) -> u64 {
        self.memory_bytes - self.file_bytes
    }
}

/// A program that can be loaded. Only [`Image::parse`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Address of the first instruction.
    pub entry: u64,
    /// The segments, by address.
    pub segments: Vec<Segment>,
}

impl Image {
    /// Checks the headers of a file of `file_bytes` bytes whose first bytes are `header`.
    pub fn parse(header: &[u8], file_bytes: u64) -> Result<Self, ElfError> {
        let header = header.get(..HEADER_BYTES).unwrap_or(header);
        let file = FileHeader::parse(header)?;
        let mut segments = Vec::new();
        for index in 0..file.program_headers {
            let raw = file.program_header(header, index)?;
            match raw.kind {
                PT_LOAD if raw.memory_bytes == 0 => {}
                PT_LOAD => {
                    let lowest = segments.last().map_or(IMAGE_BASE, Segment::end);
                    segments.push(raw.check(file_bytes, lowest)?);
                }
                PT_DYNAMIC | PT_INTERP | PT_TLS => return Err(ElfError::NotStatic),
                _ => {}
            }
        }
        if segments.is_empty() {
            return Err(ElfError::SegmentCount);
        }
        let holds_entry = |part: &Segment| {
            part.access == Access::ReadExecute && (part.address..part.end()).contains(&file.entry)
        };
        if !segments.iter().any(holds_entry) {
            return Err(ElfError::BadEntry);
        }
        Ok(Self { entry: file.entry, segments })
    }
}

/// What matters of the ELF header.
struct FileHeader {
    entry: u64,
    /// Where the program headers start.
    table: usize,
    program_headers: usize,
}

impl FileHeader {
    fn parse(header: &[u8]) -> Result<Self, ElfError> {
        if header.len() < usize::from(ELF_HEADER_BYTES) {
            return Err(ElfError::Truncated);
        }
        if !header.starts_with(&IDENTIFICATION) || read_u16(header, 18)? != MACHINE_X86_64 {
            return Err(ElfError::NotForThisMachine);
        }
        if read_u16(header, 16)? != TYPE_EXEC {
            return Err(ElfError::NotStatic);
        }
        if read_u16(header, 54)? != PROGRAM_HEADER_BYTES {
            return Err(ElfError::NotForThisMachine);
        }
        let program_headers = usize::from(read_u16(header, 56)?);
        if program_headers > PROGRAM_HEADERS_MAX {
            return Err(ElfError::SegmentCount);
        }
        let table = usize::try_from(read_u64(header, 32)?).map_err(|_| ElfError::Truncated)?;
        Ok(Self { entry: read_u64(header, 24)?, table, program_headers })
    }

    fn program_header(&self, header: &[u8], index: usize) -> Result<RawSegment, ElfError> {
        let size = usize::from(PROGRAM_HEADER_BYTES);
        let start = index.checked_mul(size).and_then(|offset| offset.checked_add(self.table));
        let bytes = start.and_then(|start| header.get(start..)?.get(..size)).ok_or(ElfError::Truncated)?;
        Ok(RawSegment {
            kind: read_u32(bytes, 0)?,
            flags: read_u32(bytes, 4)?,
            file_offset: read_u64(bytes, 8)?,
            address: read_u64(bytes, 16)?,
            file_bytes: read_u64(bytes, 32)?,
            memory_bytes: read_u64(bytes, 40)?,
        })
    }
}

/// A program header as it stands in the file. Nothing in it has been checked.
struct RawSegment {
    kind: u32,
    flags: u32,
    file_offset: u64,
    address: u64,
    file_bytes: u64,
    memory_bytes: u64,
}

impl RawSegment {
    /// Checks a PT_LOAD header of a file of `file_bytes` bytes; it must not start below `lowest`.
    fn check(&self, file_bytes: u64, lowest: u64) -> Result<Segment, ElfError> {
        let access = match self.flags & (FLAG_READ | FLAG_WRITE | FLAG_EXECUTE) {
            FLAG_READ => Access::Read,
            flags if flags == FLAG_READ | FLAG_EXECUTE => Access::ReadExecute,
            flags if flags == FLAG_READ | FLAG_WRITE => Access::ReadWrite,
            _ => return Err(ElfError::BadAccess),
        };
        let starts = self.file_offset | self.address | self.file_bytes;
        if !starts.is_multiple_of(PAGE_BYTES) || self.file_bytes > self.memory_bytes {
            return Err(ElfError::NotWholePages);
        }
        if self.file_offset.checked_add(self.file_bytes).is_none_or(|end| end > file_bytes) {
            return Err(ElfError::OutsideFile);
        }
        let memory_bytes =
            self.memory_bytes.checked_next_multiple_of(PAGE_BYTES).ok_or(ElfError::BadAddress)?;
        let end = self.address.checked_add(memory_bytes).ok_or(ElfError::BadAddress)?;
        if self.address < lowest || end > HEAP_LIMIT {
            return Err(ElfError::BadAddress);
        }
        Ok(Segment {
            file_offset: self.file_offset,
            file_bytes: self.file_bytes,
            address: self.address,
            memory_bytes,
            access,
        })
    }
}

fn read_u16(bytes: &[u8], offset: usize) -> Result<u16, ElfError> {
    read(bytes, offset).map(u16::from_le_bytes)
}

fn read_u32(bytes: &[u8], offset: usize) -> Result<u32, ElfError> {
    read(bytes, offset).map(u32::from_le_bytes)
}

fn read_u64(bytes: &[u8], offset: usize) -> Result<u64, ElfError> {
    read(bytes, offset).map(u64::from_le_bytes)
}

fn read<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], ElfError> {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied().ok_or(ElfError::Truncated)
}

#[cfg(test)]
mod tests;
