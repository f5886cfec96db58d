//! What the firmware lies in, and what it reads of its machine.

use super::kernel;
use crate::{board::sentence, direct::DirectMemories, inputs::FirmwareFiles, ram::Ram};
use alloc::{boxed::Box, format, string::String, vec};
use vmm_bus::{Bus, Device, DirectMemory, volume::Access};
use vmm_chipset::mch::Shadow;
use vmm_flash::{Flash, Rom, RomWindow};
use vmm_fwcfg::FwCfg;
use vmm_machine::pc::{MemoryWindow, PcPlan, video_bios_file};

/// Bytes of a video BIOS at the most: option ROMs have 128 KiB.
const VIDEO_BIOS_BYTES_MAX: u64 = 128 << 10;

/// Adds the memory below 4 GiB: flash for UEFI, ROM for a legacy BIOS.
pub(super) fn add_memory(
    bus: &mut Bus,
    direct: &mut DirectMemories,
    plan: &PcPlan,
    files: &FirmwareFiles,
) -> Result<(), String> {
    let refused = |error| format!("the firmware's memory cannot be made: {error:?}");
    let code = direct.share(&files.code, plan.firmware.code.bytes).map_err(refused)?;
    match (&files.variables, plan.firmware.variables) {
        (Some(file), Some(window)) => {
            let variables = direct.share(file, window.bytes).map_err(refused)?;
            add_flash(bus, plan.firmware.code, Access::ReadOnly, code)?;
            add_flash(bus, window, Access::ReadWrite, variables)
        }
        _ => add_rom(bus, plan.firmware.code, code),
    }
}

/// What lies below 1 MiB: RAM, and the end of the firmware behind it.
pub(super) fn shadow(
    direct: &mut DirectMemories,
    ram: &Ram,
    plan: &PcPlan,
    files: &FirmwareFiles,
) -> Result<Shadow, String> {
    let refused = |error| format!("the memory below 1 MiB cannot be made: {error:?}");
    let ram = direct.share_ram(ram).map_err(refused)?;
    let rom = direct.share(&files.code, plan.firmware.code.bytes).map_err(refused)?;
    Ok(Shadow::new(ram, rom, plan.firmware.shadow_bytes))
}

/// Adds fw_cfg with what the plan says and the video BIOS.
pub(super) fn add_configuration(
    bus: &mut Bus,
    plan: &mut PcPlan,
    files: &FirmwareFiles,
) -> Result<(), String> {
    let mut content = core::mem::take(&mut plan.content);
    let name = video_bios_file(files.boot.devices.display);
    if let (Some(file), Some(bytes), Some(name)) = (&files.video_bios, files.boot.video_bios_bytes, name) {
        let mut image = vec![0; bytes.min(VIDEO_BIOS_BYTES_MAX) as usize];
        file.read(0, &mut image).map_err(|error| format!("the video BIOS cannot be read: {error:?}"))?;
        content
            .add_file(name, image)
            .map_err(|error| format!("the video BIOS cannot be handed to the firmware: {error:?}"))?;
    }
    if let Some(kernel) = &files.kernel {
        kernel::add(&mut content, kernel)?;
    }
    let id = bus.add(FwCfg::new(content)).map_err(|error| sentence(&error))?;
    bus.map_ports(id, vmm_fwcfg::REGION, vmm_fwcfg::PORT_SELECTOR, vmm_fwcfg::PORTS)
        .map_err(|error| sentence(&error))
}

fn add_flash(
    bus: &mut Bus,
    window: MemoryWindow,
    access: Access,
    array: Box<dyn DirectMemory>,
) -> Result<(), String> {
    add(bus, Flash::new(window.start, access, array), window)
}

fn add_rom(bus: &mut Bus, window: MemoryWindow, content: Box<dyn DirectMemory>) -> Result<(), String> {
    let MemoryWindow { start, bytes, offset } = window;
    add(bus, Rom::new(content, vec![RomWindow { start, bytes, offset }]), window)
}

fn add(bus: &mut Bus, device: impl Device, window: MemoryWindow) -> Result<(), String> {
    let id = bus.add(device).map_err(|error| sentence(&error))?;
    bus.map_memory(id, vmm_flash::REGION, window.start, window.bytes).map_err(|error| sentence(&error))
}
