//! CD images that BIOS and UEFI boot.

use std::path::Path;
use std::process::Command;

use crate::{Failure, fat::Fat, process};

/// Where GRUB for BIOS lies on a CD, in the format `i386-pc-eltorito`.
pub(crate) const GRUB: &str = "boot/grub/eltorito.img";
/// Where the FAT file system lies that UEFI boots.
pub(crate) const FAT: &str = "boot/efi.img";
/// The boot sector of a stick, in GRUB's package.
const STICK_BOOT_SECTOR: &str = "/usr/lib/grub/i386-pc/boot_hybrid.img";
/// Bytes of the FAT image beyond those of the UEFI program: its tables and folders, generously.
const FAT_EXTRA_BYTES: u64 = 1 << 20;

/// Which firmware an image is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Firmware {
    /// BIOS and UEFI, from CD and stick.
    Both,
    /// BIOS only: an emulated machine needs no more, and `corten.efi` takes long to link.
    Bios,
}

/// Makes a FAT file system with the UEFI program where firmware looks for it.
pub(crate) fn make_fat(efi: &Path, path: &Path) -> Result<(), Failure> {
    let bytes = std::fs::metadata(efi).map_err(|error| Failure::file(efi, &error))?.len();
    // FAT tables take about a thousandth with the clusters that mformat chooses.
    let bytes = (bytes + bytes / 100 + FAT_EXTRA_BYTES).next_multiple_of(512);
    let file = std::fs::File::create(path).map_err(|error| Failure::file(path, &error))?;
    file.set_len(bytes).map_err(|error| Failure::file(path, &error))?;
    Fat::make(path, 0, bytes, "c0de0001", "CORTEN")?.add_loader(efi)
}

/// Makes the image `iso` of the files below `tree`, where GRUB is in [`GRUB`] and, for UEFI, a FAT file system in [`FAT`].
pub(crate) fn make(tree: &Path, label: &str, iso: &Path, firmware: Firmware) -> Result<(), Failure> {
    let mut command = Command::new("xorriso");
    // Fixed times make the same input give the same image.
    command.env("SOURCE_DATE_EPOCH", "1767225600");
    command.args(["-as", "mkisofs", "-quiet", "-V", label, "-r", "-J"]);
    command.args(["-b", GRUB, "-no-emul-boot", "-boot-load-size", "4"]);
    command.args(["-boot-info-table", "--grub2-boot-info", "--grub2-mbr", STICK_BOOT_SECTOR]);
    if firmware == Firmware::Both {
        command.args(["-eltorito-alt-boot", "-e", FAT, "-no-emul-boot"]);
        command.args(["-efi-boot-part", "--efi-boot-image"]);
    }
    command.arg("--protective-msdos-label").arg("-o").arg(iso).arg(tree);
    process::output(&mut command)?;
    Ok(())
}
