//! The ELF header and the program headers, of 32-bit and 64-bit files.

use crate::{FileBytes, FirmwareError, source::Header};
use alloc::vec::Vec;

/// Program headers that are read at the most.
pub(crate) const SEGMENTS_MAX: u16 = 64;
/// Bytes of the larger ELF header.
const HEADER_BYTES: usize = 64;
const CLASS_32: u8 = 1;
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const MACHINE_386: u16 = 3;
const MACHINE_X86_64: u16 = 62;
/// `e_type`: an executable, or one that can be moved but need not.
const TYPE_EXECUTABLE: u16 = 2;
const TYPE_SHARED: u16 = 3;

/// `p_type`: to be loaded.
pub(super) const LOAD: u32 = 1;
/// `p_type`: notes.
pub(super) const NOTE: u32 = 4;

/// One program header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ProgramHeader {
    pub(super) kind: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) file_bytes: u64,
    pub(super) memory_bytes: u64,
    pub(super) alignment: u64,
}

/// The part of the ELF header that leads to the program headers.
pub(super) struct ElfHeader {
    is_64: bool,
    table: u64,
    entry_bytes: u16,
    count: u16,
}

impl ElfHeader {
    /// Copies the header and checks it.
    pub(super) fn read(file: &dyn FileBytes) -> Result<Self, FirmwareError> {
        let mut bytes = [0; HEADER_BYTES];
        // A 32-bit header is shorter, but no useful file ends within it.
        file.read(0, &mut bytes)?;
        let fields = Header(&bytes);
        let is_64 = match (fields.u8(4), fields.u8(5)) {
            (CLASS_32, LITTLE_ENDIAN) => false,
            (CLASS_64, LITTLE_ENDIAN) => true,
            _ => return Err(FirmwareError::BadElf),
        };
        let (kind, machine) = (fields.u16(16), fields.u16(18));
        if !matches!(machine, MACHINE_386 | MACHINE_X86_64) {
            return Err(FirmwareError::WrongProcessor(machine));
        }
        if !matches!(kind, TYPE_EXECUTABLE | TYPE_SHARED) {
            return Err(FirmwareError::BadElf);
        }
        let header = if is_64 {
            Self { is_64, table: fields.u64(32), entry_bytes: fields.u16(54), count: fields.u16(56) }
        } else {
            Self { is_64, table: fields.u32(28).into(), entry_bytes: fields.u16(42), count: fields.u16(44) }
        };
        header.check()
    }

    fn check(self) -> Result<Self, FirmwareError> {
        if usize::from(self.entry_bytes) < self.entry_min() {
            return Err(FirmwareError::BadElf);
        }
        if self.count > SEGMENTS_MAX {
            return Err(FirmwareError::TooManySegments(self.count));
        }
        Ok(self)
    }

    fn entry_min(&self) -> usize {
        if self.is_64 { 56 } else { 32 }
    }

    /// Copies the program headers.
    pub(super) fn program_headers(&self, file: &dyn FileBytes) -> Result<Vec<ProgramHeader>, FirmwareError> {
        let mut headers = Vec::with_capacity(usize::from(self.count));
        for index in 0..u64::from(self.count) {
            let distance = index * u64::from(self.entry_bytes);
            let offset = self.table.checked_add(distance).ok_or(FirmwareError::Truncated)?;
            let mut bytes = [0; 56];
            let bytes = bytes.get_mut(..self.entry_min()).ok_or(FirmwareError::BadElf)?;
            file.read(offset, bytes)?;
            headers.push(self.decode(Header(bytes)));
        }
        Ok(headers)
    }

    fn decode(&self, fields: Header<'_>) -> ProgramHeader {
        if self.is_64 {
            return ProgramHeader {
                kind: fields.u32(0),
                offset: fields.u64(8),
                address: fields.u64(24),
                file_bytes: fields.u64(32),
                memory_bytes: fields.u64(40),
                alignment: fields.u64(48),
            };
        }
        ProgramHeader {
            kind: fields.u32(0),
            offset: fields.u32(4).into(),
            address: fields.u32(12).into(),
            file_bytes: fields.u32(16).into(),
            memory_bytes: fields.u32(20).into(),
            alignment: fields.u32(28).into(),
        }
    }
}
