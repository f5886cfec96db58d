//! Where the boot structures lie: in the first 640 KiB, which no kernel is loaded into.

use base_units::Gpa;

/// Global descriptor table of the first instruction.
pub(crate) const GDT: Gpa = Gpa::new(0x500);
/// PVH start information, its module list and its memory map.
pub(crate) const PVH_START_INFO: Gpa = Gpa::new(0x6000);
/// Linux' `boot_params`.
pub(crate) const BOOT_PARAMS: Gpa = Gpa::new(0x7000);
/// Identity page tables: PML4, PDPT, up to four page directories.
pub(crate) const PAGE_TABLES: Gpa = Gpa::new(0x9000);
/// The command line.
pub(crate) const COMMAND_LINE: Gpa = Gpa::new(0x2_0000);
/// Bytes that the command line may take, its final NUL included.
pub(crate) const COMMAND_LINE_BYTES: u64 = 0x1_0000;
/// Where Linux is loaded if it says nothing else, and the lowest place for any segment.
pub(crate) const KERNEL_MIN: Gpa = Gpa::new(0x10_0000);
