//! The setup header of a bzImage, copied once and checked.

use crate::{FileBytes, FirmwareError, layout, source::Header};
use base_units::Gpa;

/// The header starts here, in the file as in `boot_params`.
pub(super) const HEADER_START: usize = 0x1F1;
/// Bytes of the file that can belong to the header.
const HEADER_AREA: usize = 0x300;
const SECTOR_BYTES: u64 = 512;
/// "HdrS".
const MAGIC: u32 = 0x5372_6448;
/// The oldest protocol with a 64-bit entry: 2.12, Linux 3.8.
const VERSION_MIN: u16 = 0x020C;
/// `loadflags`: the protected-mode code belongs at or above 1 MiB.
const LOADED_HIGH: u8 = 1 << 0;
/// `xloadflags`: there is an entry at 0x200.
const XLF_KERNEL_64: u16 = 1 << 0;

const SETUP_SECTORS: usize = 0x1F1;
const SYSTEM_SIZE: usize = 0x1F4;
const BOOT_FLAG: usize = 0x1FE;
const JUMP_OFFSET: usize = 0x201;
const MAGIC_AT: usize = 0x202;
const VERSION: usize = 0x206;
const LOAD_FLAGS: usize = 0x211;
const INITRD_ADDRESS_MAX: usize = 0x22C;
const RELOCATABLE: usize = 0x234;
const XLOAD_FLAGS: usize = 0x236;
const COMMAND_LINE_SIZE: usize = 0x238;
const PREFERRED_ADDRESS: usize = 0x258;
const INIT_SIZE: usize = 0x260;

/// Whether the file carries the header's magic numbers.
pub(super) fn is_present(kernel: &dyn FileBytes) -> bool {
    let mut magic = [0; 8];
    let offset = BOOT_FLAG as u64;
    if kernel.read(offset, &mut magic).is_err() {
        return false;
    }
    let header = Header(&magic);
    header.u16(0) == 0xAA55 && header.u32(MAGIC_AT - BOOT_FLAG) == MAGIC
}

/// A header that this protocol can boot and whose sizes fit the file.
pub(super) struct SetupHeader {
    area: [u8; HEADER_AREA],
    payload_bytes: u64,
}

impl SetupHeader {
    /// Copies the header and checks it.
    pub(super) fn read(kernel: &dyn FileBytes) -> Result<Self, FirmwareError> {
        let mut area = [0; HEADER_AREA];
        kernel.read(0, &mut area)?;
        let mut header = Self { area, payload_bytes: 0 };
        let fields = header.fields();
        if fields.u16(VERSION) < VERSION_MIN {
            return Err(FirmwareError::ProtocolTooOld(fields.u16(VERSION)));
        }
        if fields.u8(LOAD_FLAGS) & LOADED_HIGH == 0 {
            return Err(FirmwareError::NotLoadedHigh);
        }
        if fields.u16(XLOAD_FLAGS) & XLF_KERNEL_64 == 0 {
            return Err(FirmwareError::No64BitEntry);
        }
        // The size counts paragraphs of 16 bytes and rounds up.
        let promised = u64::from(fields.u32(SYSTEM_SIZE)) * 16;
        let present = kernel.len().checked_sub(header.payload_offset()).ok_or(FirmwareError::Truncated)?;
        if promised == 0 || promised.saturating_sub(15) > present {
            return Err(FirmwareError::Truncated);
        }
        header.payload_bytes = promised.min(present);
        Ok(header)
    }

    /// The header as it belongs into `boot_params` at [`HEADER_START`].
    pub(super) fn bytes(&self) -> &[u8] {
        // The byte at 0x201 is the distance of the jump over the header: from 0x202 to its end.
        let end = MAGIC_AT + usize::from(self.fields().u8(JUMP_OFFSET));
        self.area.get(HEADER_START..end.min(HEADER_END_MAX)).unwrap_or(&[])
    }

    /// Where the protected-mode code starts in the file.
    pub(super) fn payload_offset(&self) -> u64 {
        // Zero means four, for kernels of the previous century.
        let sectors = match self.fields().u8(SETUP_SECTORS) {
            0 => 4,
            sectors => u64::from(sectors),
        };
        (sectors + 1) * SECTOR_BYTES
    }

    /// Bytes of the protected-mode code in the file.
    pub(super) fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Where the protected-mode code belongs: a relocatable kernel spares itself a move where it prefers to be.
    pub(super) fn load_address(&self) -> Gpa {
        let preferred = self.fields().u64(PREFERRED_ADDRESS);
        if self.fields().u8(RELOCATABLE) == 0 || preferred == 0 {
            return layout::KERNEL_MIN;
        }
        Gpa::new(preferred)
    }

    /// Bytes that the kernel uses from its load address on before it reads the memory map.
    pub(super) fn memory_bytes(&self) -> u64 {
        u64::from(self.fields().u32(INIT_SIZE)).max(self.payload_bytes)
    }

    /// Bytes of the command line at the most, without its NUL.
    pub(super) fn command_line_max(&self) -> u64 {
        u64::from(self.fields().u32(COMMAND_LINE_SIZE))
    }

    /// The initrd has to end here at the latest.
    pub(super) fn initrd_end(&self) -> Gpa {
        Gpa::new(u64::from(self.fields().u32(INITRD_ADDRESS_MAX)) + 1)
    }

    fn fields(&self) -> Header<'_> {
        Header(&self.area)
    }
}

/// In `boot_params` something else starts here (`edd_mbr_sig_buffer`).
const HEADER_END_MAX: usize = 0x290;
