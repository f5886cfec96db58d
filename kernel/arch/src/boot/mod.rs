//! From a loader to one [`BootInfo`].

#[cfg(target_os = "none")]
mod entry;
pub mod multiboot2;
pub mod pvh;
pub mod regions;
#[cfg(target_os = "none")]
mod start;
#[cfg(test)]
mod tests;

#[cfg(target_os = "none")]
pub(crate) use start::{entry_area, image_bytes, image_symbols, info, start_from_32_bit, start_from_uefi};

use abi::{BOOT_INFO_MAGIC, BootInfo, BootSource, Framebuffer};

/// A [`BootInfo`] that says nothing yet.
pub const fn empty_info() -> BootInfo {
    BootInfo {
        magic: BOOT_INFO_MAGIC,
        source: BootSource::Pvh,
        region_count: 0,
        kernel_start: 0,
        kernel_bytes: 0,
        bundle_start: 0,
        bundle_bytes: 0,
        rsdp: 0,
        entry_tsc: 0,
        framebuffer: Framebuffer { address: 0, width: 0, height: 0, stride: 0, bits: 0 },
        regions: [regions::NO_REGION; abi::MEMORY_REGIONS_MAX],
    }
}
