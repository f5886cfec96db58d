//! A disk that BIOS and UEFI boot, as the installer of a system leaves it: GRUB in front of an EFI system partition.

use std::path::Path;

use crate::{Failure, fat::Fat, grub::Grub, places};

/// Bytes of a sector.
const SECTOR: usize = 512;
/// The first partition begins here, as partitioning programs have it; GRUB lies before it.
const PARTITION_START: usize = 1 << 20;
/// Sizes of partitions and disks are multiples of this.
const PARTITION_UNIT: u64 = 1 << 20;
/// Bytes of the first partition beyond those of its files.
const FAT_EXTRA: u64 = 4 << 20;
/// GRUB's modules that find a file system and boot Linux from it, whatever the firmware.
const GRUB_MODULES: [&str; 8] =
    ["part_msdos", "fat", "search_label", "search", "serial", "terminal", "linux", "normal"];
/// GRUB's boot sector.
const BOOT_SECTOR: &str = "/usr/lib/grub/i386-pc/boot.img";
/// Bytes of a boot sector before the partition table.
const BOOT_CODE_BYTES: usize = 440;
/// Where the boot sector says in which sector GRUB begins (GRUB, boot.S: kernel_sector).
const BOOT_SECTOR_NEXT: usize = 0x5C;
/// A jump that only floppies need, which an installation to a disk takes out (boot.S: boot_drive_check).
const BOOT_DRIVE_CHECK: usize = 0x66;
/// Where GRUB's first sector says where the rest is (GRUB, diskboot.S: firstlist).
const GRUB_REST: usize = 0x1F4;
/// The segment that the rest is loaded to.
const GRUB_SEGMENT: u16 = 0x820;
/// The partition table.
const PARTITION_TABLE: usize = 446;
/// Bytes of one of its entries.
const PARTITION_ENTRY_BYTES: usize = 16;
/// Partition types: EFI system partition, Linux.
const PARTITION_EFI: u8 = 0xEF;
const PARTITION_LINUX: u8 = 0x83;

/// What such a disk is made of.
pub(crate) struct GrubDisk<'a> {
    /// The label of the EFI system partition.
    pub(crate) label: &'a str,
    /// What GRUB does.
    pub(crate) commands: &'a str,
    /// Modules that these commands need beyond those that every such disk has.
    pub(crate) modules: &'a [&'a str],
    /// Bytes of the files that will be put in the EFI system partition, GRUB left out.
    pub(crate) file_bytes: u64,
    /// Bytes of a partition for Linux behind it; none if zero.
    pub(crate) linux_bytes: u64,
}

/// A disk with GRUB and an EFI system partition, to be filled further.
pub(crate) struct Made {
    /// The EFI system partition.
    pub(crate) fat: Fat,
    /// The byte where the partition for Linux begins.
    pub(crate) linux_start: u64,
}

/// A place on the disk.
struct Partition {
    kind: u8,
    start: u64,
    bytes: u64,
}

impl GrubDisk<'_> {
    /// Makes the disk at `path`, as a file with holes; `scratch` takes files on the way.
    pub(crate) fn make(&self, path: &Path, scratch: &Path) -> Result<Made, Failure> {
        let loader = scratch.join("bootx64.efi");
        self.make_grub("x86_64-efi", &[], &loader, scratch)?;
        let loader_bytes = std::fs::metadata(&loader).map_err(|error| Failure::file(&loader, &error))?.len();
        let fat_bytes = (self.file_bytes + loader_bytes + FAT_EXTRA).next_multiple_of(PARTITION_UNIT);
        let start = PARTITION_START as u64;
        let fat = Partition { kind: PARTITION_EFI, start, bytes: fat_bytes };
        let linux_bytes = self.linux_bytes.next_multiple_of(PARTITION_UNIT);
        let linux = Partition { kind: PARTITION_LINUX, start: start + fat_bytes, bytes: linux_bytes };
        let mut head = self.boot_code(scratch)?;
        add_partition(&mut head, 0, &fat);
        if linux_bytes > 0 {
            add_partition(&mut head, 1, &linux);
        }
        places::write(path, head)?;
        let file = std::fs::OpenOptions::new().write(true).open(path);
        let sized = file.and_then(|file| file.set_len(linux.start + linux.bytes));
        sized.map_err(|error| Failure::file(path, &error))?;
        let fat = Fat::make(path, PARTITION_START, fat_bytes, "c0de0002", self.label)?;
        fat.add_loader(&loader)?;
        Ok(Made { fat, linux_start: linux.start })
    }

    /// Everything before the first partition: GRUB as its installer would put it there.
    fn boot_code(&self, scratch: &Path) -> Result<Vec<u8>, Failure> {
        let core = scratch.join("core.img");
        self.make_grub("i386-pc", &["biosdisk"], &core, scratch)?;
        let mut grub = places::read(&core)?;
        grub.resize(grub.len().next_multiple_of(SECTOR), 0);
        let rest = u16::try_from(grub.len() / SECTOR - 1).unwrap_or(u16::MAX);
        put(&mut grub, GRUB_REST, &2u64.to_le_bytes())?;
        put(&mut grub, GRUB_REST + 8, &rest.to_le_bytes())?;
        put(&mut grub, GRUB_REST + 10, &GRUB_SEGMENT.to_le_bytes())?;
        if SECTOR + grub.len() > PARTITION_START {
            return Err(Failure::new("GRUB does not fit before the first partition"));
        }
        let mut code = places::read(Path::new(BOOT_SECTOR))?;
        code.truncate(BOOT_CODE_BYTES);
        code.resize(SECTOR, 0);
        put(&mut code, BOOT_SECTOR_NEXT, &1u64.to_le_bytes())?;
        put(&mut code, BOOT_DRIVE_CHECK, &[0x90, 0x90])?;
        code.extend(grub);
        Ok(code)
    }

    fn make_grub(&self, format: &str, further: &[&str], to: &Path, scratch: &Path) -> Result<(), Failure> {
        let modules = [&GRUB_MODULES, self.modules, further].concat();
        Grub { format, prefix: "/grub", commands: self.commands, modules: &modules }.make(to, scratch)
    }
}

/// Adds a partition to the table; both kinds of firmware take the first one as active.
fn add_partition(disk: &mut [u8], number: usize, partition: &Partition) {
    let mut entry = [0; PARTITION_ENTRY_BYTES];
    let sector = |bytes: u64| u32::try_from(bytes / SECTOR as u64).unwrap_or(u32::MAX).to_le_bytes();
    entry[0] = if number == 0 { 0x80 } else { 0 };
    entry[4] = partition.kind;
    entry[8..12].copy_from_slice(&sector(partition.start));
    entry[12..16].copy_from_slice(&sector(partition.bytes));
    let at = PARTITION_TABLE + number * PARTITION_ENTRY_BYTES;
    disk[at..at + PARTITION_ENTRY_BYTES].copy_from_slice(&entry);
    disk[SECTOR - 2..SECTOR].copy_from_slice(&[0x55, 0xAA]);
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), Failure> {
    let place = image.get_mut(at..at + bytes.len());
    let place = place.ok_or_else(|| Failure::new("GRUB's images are shorter than expected"))?;
    place.copy_from_slice(bytes);
    Ok(())
}
