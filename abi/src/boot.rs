//! What the entry code tells the kernel about the machine: one structure for UEFI, BIOS and PVH.

/// "CORTENBI" in the first field of [`BootInfo`].
pub const BOOT_INFO_MAGIC: u64 = u64::from_le_bytes(*b"CORTENBI");
/// Memory regions in one [`BootInfo`] at the most; more than any firmware seen reports after merging.
pub const MEMORY_REGIONS_MAX: usize = 256;

/// How the machine came to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum BootSource {
    /// `corten.efi`.
    Uefi = 1,
    /// GRUB or another multiboot2 loader.
    Multiboot2 = 2,
    /// The PVH entry (QEMU -kernel, Xen, Firecracker).
    Pvh = 3,
}

/// What a region of physical memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum MemoryKind {
    /// RAM that the kernel may use. Excludes nothing by itself: the kernel's image, the bundle
    /// and the boot structures are taken out by their own fields.
    Usable = 1,
    /// ACPI tables: RAM that is readable and could be reclaimed.
    AcpiReclaimable = 2,
    /// Everything else that the firmware mentions.
    Reserved = 3,
}

/// One region of physical memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MemoryRegion {
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub bytes: u64,
    /// What it is.
    pub kind: MemoryKind,
    /// Zero.
    pub reserved: u32,
}

/// A linear framebuffer, or the VGA text screen.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Framebuffer {
    /// Host physical address; 0 = none.
    pub address: u64,
    /// Width in pixels (text: columns).
    pub width: u32,
    /// Height in pixels (text: rows).
    pub height: u32,
    /// Bytes from one line to the next.
    pub stride: u32,
    /// Bits per pixel: 32 with blue in the lowest byte, or 16 for VGA text cells.
    pub bits: u32,
}

/// Everything the kernel is told.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct BootInfo {
    /// [`BOOT_INFO_MAGIC`].
    pub magic: u64,
    /// How we came here.
    pub source: BootSource,
    /// Valid entries in `regions`.
    pub region_count: u32,
    /// Where the kernel image lies in physical memory (2 MiB aligned).
    pub kernel_start: u64,
    /// Bytes of the image in memory, `.bss` included.
    pub kernel_bytes: u64,
    /// Where the bundle lies (4 KiB aligned); 0 = none was given.
    pub bundle_start: u64,
    /// Bytes of the bundle.
    pub bundle_bytes: u64,
    /// Host physical address of the ACPI RSDP; 0 = look in the BIOS areas.
    pub rsdp: u64,
    /// TSC at the first instruction of ours.
    pub entry_tsc: u64,
    /// The screen.
    pub framebuffer: Framebuffer,
    /// The memory map, sorted by start, without overlaps.
    pub regions: [MemoryRegion; MEMORY_REGIONS_MAX],
}
