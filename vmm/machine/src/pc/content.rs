//! What firmware reads through fw_cfg.

use super::{acpi::PcTables, boot_order, drives::PcDrive, functions::PcFunction, layout, smbios::Smbios};
use crate::{MemoryMap, MemoryRange};
use alloc::vec::Vec;
use vmm_fwcfg::{Content, ContentError, Key};
use vmm_protocol::{Display, PcDevices};

/// Sleep states that exist: S0 and S5.
const STATE_EXISTS: u8 = 1 << 7;
/// A machine without a bootable device waits.
const WAIT_FOR_EVER: u32 = u32::MAX;

/// What the content depends on.
pub(super) struct ContentRequest<'a> {
    pub(super) memory: &'a MemoryMap,
    pub(super) devices: &'a PcDevices,
    pub(super) drives: &'a [PcDrive],
    pub(super) functions: &'a [PcFunction],
    pub(super) vcpus: u32,
    pub(super) uuid: [u8; 16],
    pub(super) tables: &'a PcTables,
    pub(super) smbios: Smbios,
}

/// All items and files. The names are ours: an error would be a mistake of ours.
pub(super) fn build(request: ContentRequest<'_>) -> Result<Content, ContentError> {
    let mut content = Content::new();
    let has_display = request.devices.display != Display::None;
    let vcpus = u16::try_from(request.vcpus).unwrap_or(u16::MAX);
    content.set(Key::UUID, &request.uuid[..]);
    content.set(Key::RAM_BYTES, request.memory.low_end().raw());
    content.set(Key::NO_GRAPHICS, u16::from(!has_display));
    content.set(Key::PROCESSORS, vcpus);
    content.set(Key::PROCESSORS_MAX, vcpus);
    content.set(Key::NUMA, 0u64);
    content.set(Key::BOOT_MENU, 0u16);
    content.set(Key::INTERRUPT_0_OVERRIDE, alloc::vec![1]);

    content.add_file("etc/e820", memory_map(&request.memory.firmware_map()))?;
    content.add_file("etc/system-states", system_states())?;
    content.add_file("etc/boot-fail-wait", WAIT_FOR_EVER)?;
    content.add_file("etc/reserved-memory-end", reserved_end(request.memory))?;
    content.add_file("etc/acpi/tables", request.tables.tables.as_slice())?;
    content.add_file("etc/acpi/rsdp", request.tables.root_pointer.as_slice())?;
    content.add_file("etc/table-loader", request.tables.loader.as_slice())?;
    content.add_file("etc/smbios/smbios-tables", request.smbios.tables)?;
    content.add_file("etc/smbios/smbios-anchor", request.smbios.anchor)?;
    let order = boot_order::file(request.devices, request.drives, request.functions);
    if !order.is_empty() {
        content.add_file("bootorder", order)?;
    }
    if !has_display {
        // A legacy BIOS shows its text on the serial line.
        content.add_file("etc/sercon-port", u64::from(layout::COM1_PORT))?;
    }
    Ok(content)
}

/// Address, size and kind of each range.
fn memory_map(ranges: &[MemoryRange]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for range in ranges {
        bytes.extend_from_slice(&range.start.raw().to_le_bytes());
        bytes.extend_from_slice(&range.bytes.to_le_bytes());
        bytes.extend_from_slice(&(range.kind as u32).to_le_bytes());
    }
    bytes
}

/// Which of S0 to S5 exist, and the values of SLP_TYP.
fn system_states() -> Vec<u8> {
    alloc::vec![
        STATE_EXISTS,
        0,
        0,
        layout::SLEEP_TYPE_SUSPEND,
        layout::SLEEP_TYPE_HIBERNATE,
        STATE_EXISTS | layout::SLEEP_TYPE_SOFT_OFF,
    ]
}

/// From where on 64-bit windows may lie.
fn reserved_end(memory: &MemoryMap) -> u64 {
    memory.end().raw().max(layout::RAM_ABOVE_4G.raw()).next_multiple_of(1 << 30)
}
