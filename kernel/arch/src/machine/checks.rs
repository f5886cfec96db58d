//! What programs may drive themselves, and what a machine must have.

use crate::{boot, panic, power};
use abi::MemoryKind;
use base_units::Hpa;

/// Ports that are the kernel's own: PICs, their edge/level registers, PCI configuration and the chipset's reset.
const KERNEL_PORTS: [(u16, u16); 5] = [(0x20, 2), (0xa0, 2), (0x4d0, 2), (0xcf8, 8), (0x8900, 1)];
/// Where I/O APICs, the HPET and local APICs are on every PC, and messages become interrupts.
const APIC_AREA: (u64, u64) = (0xfec0_0000, 0xff00_0000);
/// The least RAM.
const RAM_BYTES_MIN: u64 = 64 << 20;

/// Whether ring 3 may drive these ports.
pub(super) fn is_port_free(first: u16, count: u16) -> bool {
    let end = u32::from(first) + u32::from(count);
    let overlaps = |&(start, length): &(u16, u16)| {
        u32::from(start) < end && u32::from(start) + u32::from(length) > u32::from(first)
    };
    let is_power =
        power::board().and_then(|board| board.fadt).is_some_and(|fadt| fadt.covers_port(first, count));
    count > 0 && end <= 0x1_0000 && !KERNEL_PORTS.iter().any(overlaps) && !is_power
}

/// Whether ring 3 may map this range as device memory.
pub(super) fn is_device_memory(start: Hpa, bytes: u64) -> bool {
    let info = boot::info();
    let start = start.raw();
    let Some(end) = start.checked_add(bytes) else { return false };
    let limit = 1 << crate::cpu::features::physical_bits();
    let overlaps = |other: u64, length: u64| other < end && other.saturating_add(length) > start;
    let is_ram = info
        .regions
        .iter()
        .take(info.region_count as usize)
        .filter(|region| region.kind != MemoryKind::Reserved)
        .any(|region| overlaps(region.start, region.bytes));
    let is_ours =
        overlaps(info.kernel_start, info.kernel_bytes) || overlaps(info.bundle_start, info.bundle_bytes);
    let is_apic = overlaps(APIC_AREA.0, APIC_AREA.1 - APIC_AREA.0);
    bytes > 0 && end <= limit && !is_ram && !is_ours && !is_apic
}

/// Whether the screen starts in this range.
pub(super) fn covers_screen(start: Hpa, bytes: u64) -> bool {
    let screen = boot::info().framebuffer.address;
    screen != 0 && screen.checked_sub(start.raw()).is_some_and(|offset| offset < bytes)
}

/// Refuses to run without a bundle or with too little RAM.
pub(super) fn require_ram_and_bundle() {
    let info = boot::info();
    let regions = info.regions.iter().take(info.region_count as usize);
    let ram: u64 =
        regions.filter(|region| region.kind == MemoryKind::Usable).map(|region| region.bytes).sum();
    if ram < RAM_BYTES_MIN {
        panic::refuse(format_args!(
            "this machine has {} MiB of memory; Corten needs at least {} MiB",
            ram >> 20,
            RAM_BYTES_MIN >> 20
        ));
    }
    if info.bundle_start == 0 || info.bundle_bytes == 0 {
        panic::refuse(
            "no boot bundle was given; start it with -initrd corten.bundle (QEMU) or module2 /corten.bundle (GRUB)",
        );
    }
    if ram < RAM_BYTES_MIN + info.bundle_bytes {
        panic::refuse(format_args!(
            "this machine has {} MiB of memory; {} MiB for Corten and {} MiB for the boot bundle are needed",
            ram >> 20,
            RAM_BYTES_MIN >> 20,
            info.bundle_bytes >> 20
        ));
    }
}
