//! What the firmware is asked: words on the console, the screen, the ACPI tables.

use crate::failure::Failure;
use crate::kernel::Kernel;
use abi::{BOOT_INFO_MAGIC, BootInfo, BootSource, Framebuffer, MEMORY_REGIONS_MAX, MemoryKind, MemoryRegion};
use alloc::boxed::Box;
use core::time::Duration;
use uefi::boot::{self, OpenProtocolAttributes, OpenProtocolParams};
use uefi::proto::console::gop::{GraphicsOutput, PixelFormat};
use uefi::table::cfg::ConfigTableEntry;
use uefi::{Status, println, system};

/// How long a failure stays on the screen before the firmware goes on.
const READING_TIME: Duration = Duration::from_secs(10);

/// Says hello and stops the watchdog, which would reset the machine after five minutes.
pub(crate) fn greet() -> Result<(), Status> {
    uefi::helpers::init().map_err(|error| error.status())?;
    // Without a watchdog there is nothing to stop.
    let _ = boot::set_watchdog_timer(0, 0x1_0000, None);
    println!("corten: loader {}", env!("CARGO_PKG_VERSION"));
    Ok(())
}

/// Says why there is no kernel, and goes back to the firmware.
pub(crate) fn report(failure: Failure) -> Status {
    println!("corten: cannot start: {failure}");
    boot::stall(READING_TIME);
    Status::LOAD_ERROR
}

/// Makes the boot information but for the memory map. It is never freed: the kernel copies it.
pub(crate) fn describe(
    kernel: &Kernel,
    bundle: &[u8],
    entry_tsc: u64,
) -> Result<&'static mut BootInfo, Failure> {
    let region = MemoryRegion { start: 0, bytes: 0, kind: MemoryKind::Reserved, reserved: 0 };
    let info = Box::new(BootInfo {
        magic: BOOT_INFO_MAGIC,
        source: BootSource::Uefi,
        region_count: 0,
        kernel_start: kernel.start,
        kernel_bytes: kernel.bytes,
        bundle_start: bundle.as_ptr() as u64,
        bundle_bytes: bundle.len() as u64,
        rsdp: find_rsdp(),
        entry_tsc,
        framebuffer: find_screen().unwrap_or_default(),
        regions: [region; MEMORY_REGIONS_MAX],
    });
    Ok(Box::leak(info))
}

/// The RSDP; 0 if the firmware has no ACPI tables.
fn find_rsdp() -> u64 {
    system::with_config_table(|tables| {
        let find = |guid| tables.iter().find(|table| table.guid == guid).map(|table| table.address as u64);
        find(ConfigTableEntry::ACPI2_GUID).or_else(|| find(ConfigTableEntry::ACPI_GUID)).unwrap_or(0)
    })
}

/// The screen in its current mode, if it is a plain framebuffer of 32 bits.
fn find_screen() -> Option<Framebuffer> {
    let handle = boot::get_handle_for_protocol::<GraphicsOutput>().ok()?;
    let parameters = OpenProtocolParams { handle, agent: boot::image_handle(), controller: None };
    // Not exclusively: that would take the screen away from the firmware's console.
    // SAFETY: nobody changes the mode or removes the screen while this function runs.
    let opened =
        unsafe { boot::open_protocol::<GraphicsOutput>(parameters, OpenProtocolAttributes::GetProtocol) };
    let mut screen = opened.ok()?;
    let mode = screen.current_mode_info();
    if !matches!(mode.pixel_format(), PixelFormat::Bgr | PixelFormat::Rgb) {
        return None;
    }
    let (width, height) = mode.resolution();
    Some(Framebuffer {
        address: screen.frame_buffer().as_mut_ptr() as u64,
        width: u32::try_from(width).ok()?,
        height: u32::try_from(height).ok()?,
        stride: u32::try_from(mode.stride()).ok()?.checked_mul(4)?,
        bits: 32,
    })
}
