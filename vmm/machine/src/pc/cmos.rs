//! What firmware and old systems look for in CMOS memory.

use crate::MemoryMap;
use alloc::vec::Vec;
use vmm_protocol::{BootDevice, Display, PcDevices};

/// Types of the floppy drives: A in the upper half.
const FLOPPY_TYPES: u8 = 0x10;
/// A 3.5-inch drive of 1.44 MB.
const FLOPPY_1440: u8 = 4;
/// What is plugged in.
const EQUIPMENT: u8 = 0x14;
/// Equipment: there is a floppy drive.
const EQUIPMENT_FLOPPY: u8 = 1 << 0;
/// Equipment: there is a floating-point unit.
const EQUIPMENT_FPU: u8 = 1 << 1;
/// Equipment: there is a PS/2 mouse.
const EQUIPMENT_MOUSE: u8 = 1 << 2;
/// Equipment: there is a display.
const EQUIPMENT_DISPLAY: u8 = 1 << 3;
/// KiB of RAM below 640 KiB, two bytes.
const BASE_MEMORY: u8 = 0x15;
/// KiB of RAM above 1 MiB, two bytes, as set up.
const EXTENDED_MEMORY: u8 = 0x17;
/// The same as found.
const EXTENDED_MEMORY_FOUND: u8 = 0x30;
/// 64 KiB of RAM above 16 MiB and below 4 GiB, two bytes.
const MEMORY_ABOVE_16M: u8 = 0x34;
/// The third boot device in the upper half; bit 0: boot floppies without a signature.
const BOOT_THIRD: u8 = 0x38;
/// The first boot device in the lower half, the second in the upper one.
const BOOT_FIRST: u8 = 0x3D;
/// 64 KiB of RAM above 4 GiB, three bytes.
const MEMORY_ABOVE_4G: u8 = 0x5B;
/// Processors less one.
const PROCESSORS: u8 = 0x5F;

/// Memory below 640 KiB.
const BASE_KIB: u64 = 640;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// The unit of the larger sizes.
const STEP: u64 = 64 << 10;

/// Places with their values.
pub(super) fn contents(memory: &MemoryMap, devices: &PcDevices, vcpus: u32) -> Vec<(u8, u8)> {
    let mut places = Vec::new();
    let low = memory.low_end().raw();
    let extended = low.saturating_sub(MIB) / KIB;
    append(&mut places, BASE_MEMORY, BASE_KIB, 2);
    append(&mut places, EXTENDED_MEMORY, extended, 2);
    append(&mut places, EXTENDED_MEMORY_FOUND, extended, 2);
    append(&mut places, MEMORY_ABOVE_16M, low.saturating_sub(16 * MIB) / STEP, 2);
    append(&mut places, MEMORY_ABOVE_4G, memory.ram_bytes().saturating_sub(low) / STEP, 3);
    append(&mut places, PROCESSORS, u64::from(vcpus.saturating_sub(1)), 1);
    let has_floppy = devices.floppy.is_some();
    places.push((FLOPPY_TYPES, if has_floppy { FLOPPY_1440 << 4 } else { 0 }));
    let mut equipment = EQUIPMENT_FPU | EQUIPMENT_MOUSE;
    if has_floppy {
        equipment |= EQUIPMENT_FLOPPY;
    }
    if devices.display != Display::None {
        equipment |= EQUIPMENT_DISPLAY;
    }
    places.push((EQUIPMENT, equipment));
    let [first, second, third] = boot_codes(&devices.boot_order);
    places.push((BOOT_FIRST, second << 4 | first));
    places.push((BOOT_THIRD, third << 4 | 1));
    places
}

/// Little-endian bytes of a number, which is the highest one where it does not fit.
fn append(places: &mut Vec<(u8, u8)>, index: u8, number: u64, bytes: u8) {
    let highest = (1u64 << (8 * u32::from(bytes))) - 1;
    let number = number.min(highest).to_le_bytes();
    places.extend((index..index.saturating_add(bytes)).zip(number));
}

fn boot_codes(order: &[BootDevice]) -> [u8; 3] {
    let mut codes = [0; 3];
    for (code, device) in codes.iter_mut().zip(order) {
        *code = match device {
            BootDevice::Floppy => 1,
            BootDevice::Disk => 2,
            BootDevice::Cdrom => 3,
            BootDevice::Network => 4,
        };
    }
    codes
}
