//! An ELF file with a PVH note (Xen, docs/misc/pvh.pandoc; xen/include/public/elfnote.h).

mod header;
mod note;
mod segments;
mod start_info;

use crate::{BootImage, BootRequest, Content, FileBytes, FirmwareError, Piece, layout, registers};
use alloc::vec::Vec;
use base_units::{Gpa, PAGE_BYTES};
use header::ElfHeader;
pub(crate) use header::SEGMENTS_MAX;

/// Whether the file says that it is an ELF file.
pub(crate) fn is_elf(kernel: &dyn FileBytes) -> bool {
    let mut magic = [0; 4];
    kernel.read(0, &mut magic).is_ok() && magic == *b"\x7FELF"
}

/// Plans the boot.
pub(crate) fn place(request: &BootRequest<'_>) -> Result<BootImage, FirmwareError> {
    let headers = ElfHeader::read(request.kernel)?.program_headers(request.kernel)?;
    let entry = note::find_entry(request.kernel, &headers)?.ok_or(FirmwareError::NoPvhEntry)?;
    let (mut pieces, end) = segments::place(&headers, request)?;
    if !segments::contain(&headers, entry) {
        return Err(FirmwareError::EntryOutside(entry));
    }
    let kernel_end = end.align_up(PAGE_BYTES).ok_or(FirmwareError::KernelOutside(end.raw()))?;
    let initrd = request.initrd(kernel_end, request.memory.low_end())?;
    let info = start_info::build(&start_info::Facts {
        initrd: initrd.as_ref().map(|piece| (piece.to, piece.content.len())),
        memory: request.memory,
        root_pointer: request.root_pointer,
    });
    let registers = registers::pvh(Gpa::new(entry), layout::PVH_START_INFO, layout::GDT);
    let bytes = |to, bytes: Vec<u8>| Piece { to, content: Content::Bytes(bytes) };
    pieces.push(bytes(layout::GDT, registers::gdt(&registers).to_vec()));
    pieces.push(bytes(layout::PVH_START_INFO, info));
    pieces.push(request.command_line(u64::MAX)?);
    pieces.extend(initrd);
    Ok(BootImage { pieces, registers })
}
