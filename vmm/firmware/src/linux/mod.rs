//! A bzImage, by the 64-bit boot protocol (Linux, Documentation/arch/x86/boot.rst).

mod boot_params;
mod page_tables;
mod setup_header;

use crate::{BootImage, BootRequest, Content, FileBytes, FirmwareError, Piece, layout, registers};
use alloc::vec::Vec;
use base_units::Gpa;
use setup_header::SetupHeader;

/// From the load address to the 64-bit entry.
const ENTRY_64_OFFSET: u64 = 0x200;

/// Whether the file says that it is a Linux kernel.
pub(crate) fn is_linux(kernel: &dyn FileBytes) -> bool {
    setup_header::is_present(kernel)
}

/// Bytes of the real-mode part of a bzImage, which other firmware takes apart from the rest.
pub fn real_mode_bytes(kernel: &dyn FileBytes) -> Result<u64, FirmwareError> {
    if !is_linux(kernel) {
        return Err(FirmwareError::UnknownFormat);
    }
    Ok(SetupHeader::read(kernel)?.payload_offset())
}

/// Plans the boot.
pub(crate) fn place(request: &BootRequest<'_>) -> Result<BootImage, FirmwareError> {
    let header = SetupHeader::read(request.kernel)?;
    let (load, end) = kernel_span(&header, request)?;
    let command_line = request.command_line(header.command_line_max())?;
    let initrd = request.initrd(end, header.initrd_end())?;
    let entry = Gpa::new(load.raw() + ENTRY_64_OFFSET);
    let registers = registers::long_mode(entry, layout::BOOT_PARAMS, layout::PAGE_TABLES, layout::GDT);
    let params = boot_params::build(&boot_params::Facts {
        header: &header,
        load,
        initrd: initrd.as_ref().map(|piece| (piece.to, piece.content.len())),
        memory: request.memory,
        root_pointer: request.root_pointer,
    });
    let bytes = |to, bytes| Piece { to, content: Content::Bytes(bytes) };
    let mut pieces = Vec::with_capacity(6);
    pieces.push(bytes(layout::GDT, registers::gdt(&registers).to_vec()));
    pieces.push(bytes(layout::BOOT_PARAMS, params));
    pieces.push(bytes(layout::PAGE_TABLES, page_tables::identity(request.memory.low_end())));
    pieces.push(command_line);
    let content = Content::Kernel { offset: header.payload_offset(), bytes: header.payload_bytes() };
    pieces.push(Piece { to: load, content });
    pieces.extend(initrd);
    Ok(BootImage { pieces, registers })
}

/// Where the kernel is loaded, and the end of the memory that it uses before it looks at the memory map.
fn kernel_span(header: &SetupHeader, request: &BootRequest<'_>) -> Result<(Gpa, Gpa), FirmwareError> {
    let load = header.load_address();
    let outside = FirmwareError::KernelOutside(load.raw());
    if load < layout::KERNEL_MIN {
        return Err(outside);
    }
    let bytes = header.memory_bytes();
    let end = load.checked_add(bytes).ok_or(outside)?;
    if end > request.memory.low_end() {
        return Err(outside);
    }
    Ok((load, end))
}
