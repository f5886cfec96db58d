//! Segments: their places, checked against the machine's memory and against each other.

use super::header::{LOAD, ProgramHeader};
use crate::{BootRequest, Content, FileBytes, FirmwareError, Piece, layout, place::is_disjoint};
use alloc::vec::Vec;
use base_units::Gpa;

/// The pieces of all segments that are to be loaded, and the end of the highest.
pub(super) fn place(
    headers: &[ProgramHeader],
    request: &BootRequest<'_>,
) -> Result<(Vec<Piece>, Gpa), FirmwareError> {
    let mut pieces = Vec::with_capacity(2 * headers.len());
    let mut end = layout::KERNEL_MIN;
    for header in loaded(headers) {
        end = end.max(check(header, request)?);
        let bytes = header.file_bytes;
        pieces.push(Piece {
            to: Gpa::new(header.address),
            content: Content::Kernel { offset: header.offset, bytes },
        });
        pieces.push(Piece {
            to: Gpa::new(header.address + bytes),
            content: Content::Zero { bytes: header.memory_bytes - bytes },
        });
        pieces.retain(|piece| !piece.content.is_empty());
        if !is_disjoint(&pieces) {
            return Err(FirmwareError::SegmentsOverlap(header.address));
        }
    }
    Ok((pieces, end))
}

/// Whether one of the segments holds this address.
pub(super) fn contain(headers: &[ProgramHeader], address: u64) -> bool {
    loaded(headers).any(|header| {
        address.checked_sub(header.address).is_some_and(|distance| distance < header.memory_bytes)
    })
}

fn loaded(headers: &[ProgramHeader]) -> impl Iterator<Item = &ProgramHeader> {
    headers.iter().filter(|header| header.kind == LOAD && header.memory_bytes > 0)
}

/// Checks that a segment's bytes are in the file and its memory in RAM; gives the end of its memory.
fn check(header: &ProgramHeader, request: &BootRequest<'_>) -> Result<Gpa, FirmwareError> {
    if header.file_bytes > header.memory_bytes {
        return Err(FirmwareError::BadElf);
    }
    let file_end = header.offset.checked_add(header.file_bytes).ok_or(FirmwareError::BadElf)?;
    if file_end > FileBytes::len(request.kernel) {
        return Err(FirmwareError::Truncated);
    }
    let outside = FirmwareError::KernelOutside(header.address);
    let start = Gpa::new(header.address);
    let end = start.checked_add(header.memory_bytes).ok_or(outside)?;
    if start < layout::KERNEL_MIN || end > request.memory.low_end() {
        return Err(outside);
    }
    Ok(end)
}
