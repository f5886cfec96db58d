//! The first Rust: makes the one [`BootInfo`] and goes on in the image's `main`.

use super::{empty_info, multiboot2, pvh, regions};
use crate::cpu::load_boot_descriptors;
use crate::log;
use crate::paging::{CODE, CONSTANT, DATA};
use crate::physical::Physical;
use abi::{BOOT_INFO_MAGIC, BootInfo, BootSource, Framebuffer};
use core::cell::UnsafeCell;

/// Bytes that the entry code maps one to one.
const MAPPED_BYTES: u64 = 4 << 30;

/// Where the VGA text screen is.
const TEXT_SCREEN: u64 = 0xb_8000;

struct Shared(UnsafeCell<BootInfo>);

// SAFETY: written by the boot processor before any other runs, read-only afterwards.
unsafe impl Sync for Shared {}

static INFO: Shared = Shared(UnsafeCell::new(empty_info()));

unsafe extern "C" {
    static __image_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __image_end: u8;
    static boot_entry_tsc: u64;
    static boot_root: u8;
    static boot_stack_end: u8;
    /// `kernel_image`'s list of steps.
    fn corten_main() -> !;
}

/// What the loader told us.
pub(crate) fn info() -> &'static BootInfo {
    // SAFETY: complete before `corten_main` is called; nobody writes it then.
    unsafe { &*INFO.0.get() }
}

/// The image's first address, and the end and permissions of each part of it.
pub(crate) fn image_symbols() -> (u64, [(u64, u64); 3]) {
    let parts = [
        (&raw const __text_end as u64, CODE),
        (&raw const __rodata_end as u64, CONSTANT),
        (&raw const __image_end as u64, DATA),
    ];
    (&raw const __image_start as u64, parts)
}

/// Bytes of the image in memory.
pub(crate) fn image_bytes() -> u64 {
    &raw const __image_end as u64 - &raw const __image_start as u64
}

/// Where the page tables and the stack of the entry code lie: start and end, in the image.
pub(crate) fn entry_area() -> (u64, u64) {
    (&raw const boot_root as u64, &raw const boot_stack_end as u64)
}

/// The first 4 GiB, one to one: what the entry code mapped.
struct EntryMemory;

impl Physical for EntryMemory {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        let is_mapped =
            address.checked_add(buffer.len() as u64).is_some_and(|end| address != 0 && end <= MAPPED_BYTES);
        if is_mapped {
            // SAFETY: mapped by the entry code, written by the loader, and not ours.
            unsafe { core::ptr::copy(address as *const u8, buffer.as_mut_ptr(), buffer.len()) };
        }
        is_mapped
    }
}

/// From the 32-bit entries.
pub(crate) extern "sysv64" fn start_from_32_bit(source: u32, structure: u32) -> ! {
    prepare();
    // SAFETY: one processor runs, and nobody has called `info` yet.
    let info = unsafe { &mut *INFO.0.get() };
    let structure = u64::from(structure);
    let is_complete = if source == BootSource::Multiboot2 as u32 {
        info.source = BootSource::Multiboot2;
        multiboot2::read(&EntryMemory, structure, info)
    } else {
        info.source = BootSource::Pvh;
        info.framebuffer = text_screen().unwrap_or_default();
        pvh::read(&EntryMemory, structure, info)
    };
    if !is_complete || info.region_count == 0 {
        crate::panic::refuse(
            "the loader gave no memory map; boot with PVH (version 1), multiboot2 or corten.efi",
        );
    }
    info.kernel_start = 0x20_0000;
    info.kernel_bytes = image_bytes();
    // SAFETY: the 32-bit entry wrote it.
    info.entry_tsc = unsafe { boot_entry_tsc };
    go(info)
}

/// The VGA text screen, which PVH loaders do not mention but a BIOS before them has set up; if there is one, its memory keeps
/// what is written.
fn text_screen() -> Option<Framebuffer> {
    let cell = TEXT_SCREEN as *mut u16;
    let keeps = |pattern: u16| {
        // SAFETY: mapped by the entry code; on every PC this is video memory or nothing.
        unsafe { cell.write_volatile(pattern) };
        // SAFETY: as above.
        unsafe { cell.read_volatile() == pattern }
    };
    (keeps(0x0755) && keeps(0x07aa)).then_some(Framebuffer {
        address: TEXT_SCREEN,
        width: 80,
        height: 25,
        stride: 160,
        bits: 16,
    })
}

/// From the UEFI loader, with its structure.
pub(crate) extern "sysv64" fn start_from_uefi(given: *const BootInfo) -> ! {
    prepare();
    // SAFETY: one processor runs, and nobody has called `info` yet.
    let info = unsafe { &mut *INFO.0.get() };
    // SAFETY: the loader of the same build passes a structure that is mapped.
    *info = unsafe { given.read() };
    if info.magic != BOOT_INFO_MAGIC {
        crate::panic::refuse("corten.efi and the kernel are of different builds");
    }
    info.kernel_bytes = image_bytes();
    go(info)
}

fn prepare() {
    log::set_up();
    load_boot_descriptors();
}

fn go(info: &mut BootInfo) -> ! {
    regions::normalize(info);
    // SAFETY: `kernel_image` defines it.
    unsafe { corten_main() }
}
