//! Where the firmware's memory lies.

use super::layout;
use crate::error::PlanError;
use base_units::{Gpa, PAGE_BYTES};
use vmm_protocol::{Display, Firmware, FirmwareBoot};

/// The name in fw_cfg by which a legacy BIOS takes a file for a display's video BIOS and tells it which PCI function
/// it is for: without that it would not find the frame buffer.
pub fn video_bios_file(display: Display) -> Option<&'static str> {
    match display {
        Display::None => None,
        Display::Vga => Some("pci1234,1111.rom"),
        Display::VirtioGpu => Some("pci1af4,1050.rom"),
    }
}

/// Part of a file at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryWindow {
    /// First address.
    pub start: Gpa,
    /// Size.
    pub bytes: u64,
    /// From which byte of the file on.
    pub offset: u64,
}

/// Where the firmware's files show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirmwareMap {
    /// The code, ending at 4 GiB.
    pub code: MemoryWindow,
    /// UEFI's variables, ending where the code starts.
    pub variables: Option<MemoryWindow>,
    /// Bytes of the code's end that show below 1 MiB until the chipset's attributes show RAM there.
    pub shadow_bytes: u64,
}

impl FirmwareMap {
    pub(super) fn new(boot: &FirmwareBoot) -> Result<Self, PlanError> {
        let variables_bytes = match boot.firmware {
            Firmware::Uefi => boot.variables_bytes.unwrap_or(0),
            Firmware::Bios => 0,
        };
        let whole = boot.code_bytes.checked_add(variables_bytes);
        let whole = whole.filter(|bytes| (1..=layout::FIRMWARE_BYTES_MAX).contains(bytes));
        let fits = boot.code_bytes > 0
            && boot.code_bytes.is_multiple_of(PAGE_BYTES)
            && variables_bytes.is_multiple_of(PAGE_BYTES);
        let Some(whole) = whole.filter(|_| fits) else {
            return Err(PlanError::FirmwareSize(boot.code_bytes));
        };
        let end = layout::FIRMWARE_END.raw();
        let code = MemoryWindow { start: Gpa::new(end - boot.code_bytes), bytes: boot.code_bytes, offset: 0 };
        let variables = (variables_bytes > 0).then_some(MemoryWindow {
            start: Gpa::new(end - whole),
            bytes: variables_bytes,
            offset: 0,
        });
        let room = layout::BIOS_SHADOW_END.raw() - layout::BIOS_SHADOW_START.raw();
        Ok(Self { code, variables, shadow_bytes: boot.code_bytes.min(room) })
    }
}
