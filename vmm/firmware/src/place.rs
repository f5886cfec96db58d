//! The way in: recognises the kernel and checks the outcome.

use crate::{BootImage, Content, FileBytes, FirmwareError, Piece, elf, layout, linux};
use alloc::vec::Vec;
use base_units::{Gpa, PAGE_BYTES};
use vmm_machine::MemoryMap;

/// What is to be booted, and on what.
#[derive(Clone, Copy)]
pub struct BootRequest<'a> {
    /// The kernel file.
    pub kernel: &'a dyn FileBytes,
    /// Size of the initial RAM disk in bytes.
    pub initrd_bytes: Option<u64>,
    /// The command line, without a final NUL.
    pub command_line: &'a str,
    /// The machine's memory.
    pub memory: &'a MemoryMap,
    /// Where the ACPI root pointer lies.
    pub root_pointer: Gpa,
}

/// Plans the boot of whatever the kernel file is.
pub fn place(request: &BootRequest<'_>) -> Result<BootImage, FirmwareError> {
    if request.command_line.as_bytes().contains(&0) {
        return Err(FirmwareError::CommandLineNul);
    }
    let image = if elf::is_elf(request.kernel) {
        elf::place(request)?
    } else if linux::is_linux(request.kernel) {
        linux::place(request)?
    } else {
        return Err(FirmwareError::UnknownFormat);
    };
    debug_assert!(is_disjoint(&image.pieces), "pieces of a boot image overlap");
    Ok(image)
}

impl BootRequest<'_> {
    /// The command line as a piece of memory; `limit` is the kernel's own limit, without the NUL.
    pub(crate) fn command_line(&self, limit: u64) -> Result<Piece, FirmwareError> {
        let limit = limit.min(layout::COMMAND_LINE_BYTES - 1);
        if self.command_line.len() as u64 > limit {
            return Err(FirmwareError::CommandLineTooLong(limit));
        }
        let mut bytes = Vec::with_capacity(self.command_line.len() + 1);
        bytes.extend_from_slice(self.command_line.as_bytes());
        bytes.push(0);
        Ok(Piece { to: layout::COMMAND_LINE, content: Content::Bytes(bytes) })
    }

    /// The initrd as high as it may be: below `end`, above `kernel_end`.
    pub(crate) fn initrd(&self, kernel_end: Gpa, end: Gpa) -> Result<Option<Piece>, FirmwareError> {
        let Some(bytes) = self.initrd_bytes.filter(|bytes| *bytes > 0) else { return Ok(None) };
        let end = end.min(self.memory.low_end());
        let start = end.offset_from(Gpa::new(bytes)).ok_or(FirmwareError::InitrdTooLarge(bytes))?;
        let start = Gpa::new(start).align_down(PAGE_BYTES);
        if start < kernel_end {
            return Err(FirmwareError::InitrdTooLarge(bytes));
        }
        Ok(Some(Piece { to: start, content: Content::Initrd { bytes } }))
    }
}

/// Whether no two pieces share a byte.
pub(crate) fn is_disjoint(pieces: &[Piece]) -> bool {
    let mut spans: Vec<_> = pieces.iter().map(|piece| (piece.to.raw(), piece.content.len())).collect();
    spans.sort_unstable();
    spans.windows(2).all(|pair| match pair {
        [(start, bytes), (next, _)] => start.checked_add(*bytes).is_some_and(|end| end <= *next),
        _ => true,
    })
}
