//! A disk from which a PC boots Linux, by BIOS and by UEFI, as an installed system's does: GRUB in front of a FAT
//! file system with the kernel and the RAM disk.

use std::path::Path;

use super::{Linux, drives_disk};
use crate::{Failure, fat::Fat, grub::Grub, places};

/// Bytes of a sector.
const SECTOR: usize = 512;
/// The partition begins here, as partitioning programs have it; GRUB lies before it.
const PARTITION_START: usize = 1 << 20;
/// Bytes of the partition beyond those of its files.
const PARTITION_EXTRA: usize = 4 << 20;
/// The label by which GRUB finds the partition.
const LABEL: &str = "PCBOOT";
/// What GRUB does. The guest's script says what the tasks are.
const GRUB_COMMANDS: &str = "\
serial --unit=0 --speed=115200
terminal_output serial console
search --no-floppy --label --set=root PCBOOT
linux /vmlinuz console=ttyS0 quiet corten.do=drives,shell
initrd /initrd.img
boot
";
/// GRUB's modules that these commands need, whatever the firmware.
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
/// The first partition's entry.
const PARTITION_ENTRY: usize = 446;
/// Partition type: EFI system partition.
const PARTITION_EFI: u8 = 0xEF;

/// Makes the disk at `path`; `scratch` takes files on the way.
pub(crate) fn boot_disk(linux: &Linux, path: &Path, scratch: &Path) -> Result<(), Failure> {
    places::make_folder(scratch)?;
    let initrd = scratch.join("initrd.img");
    places::write(&initrd, drives_disk(linux)?)?;
    let loader = scratch.join("bootx64.efi");
    make_grub("x86_64-efi", &[], &loader, scratch)?;
    let files = [linux.kernel(), initrd, loader];
    let content: u64 =
        files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum();
    let partition = (content as usize + PARTITION_EXTRA).next_multiple_of(1 << 20);
    let mut disk = boot_code(scratch)?;
    disk.resize(PARTITION_START + partition, 0);
    add_partition(&mut disk, partition);
    places::write(path, disk)?;

    let [kernel, initrd, loader] = files;
    let fat = Fat::make(path, PARTITION_START, partition as u64, "c0de0002", LABEL)?;
    fat.add_loader(&loader)?;
    fat.add_file(&kernel, "vmlinuz")?;
    fat.add_file(&initrd, "initrd.img")
}

/// Everything before the partition: GRUB as its installer would put it there.
fn boot_code(scratch: &Path) -> Result<Vec<u8>, Failure> {
    let core = scratch.join("core.img");
    make_grub("i386-pc", &["biosdisk"], &core, scratch)?;
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

/// The partition table: one active partition that both kinds of firmware take.
fn add_partition(disk: &mut [u8], bytes: usize) {
    let mut entry = [0; 16];
    let sector = |bytes: usize| u32::try_from(bytes / SECTOR).unwrap_or(u32::MAX).to_le_bytes();
    entry[0] = 0x80;
    entry[4] = PARTITION_EFI;
    entry[8..12].copy_from_slice(&sector(PARTITION_START));
    entry[12..16].copy_from_slice(&sector(bytes));
    disk[PARTITION_ENTRY..PARTITION_ENTRY + 16].copy_from_slice(&entry);
    disk[SECTOR - 2..SECTOR].copy_from_slice(&[0x55, 0xAA]);
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), Failure> {
    let place = image.get_mut(at..at + bytes.len());
    let place = place.ok_or_else(|| Failure::new("GRUB's images are shorter than expected"))?;
    place.copy_from_slice(bytes);
    Ok(())
}

fn make_grub(format: &str, further: &[&str], to: &Path, scratch: &Path) -> Result<(), Failure> {
    let modules = [&GRUB_MODULES, further].concat();
    Grub { format, prefix: "/grub", commands: GRUB_COMMANDS, modules: &modules }.make(to, scratch)
}
