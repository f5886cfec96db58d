//! `corten.iso`: one image for CD and USB stick, for BIOS and UEFI.
//!
//! BIOS starts GRUB, which loads `corten.elf` and `corten.bundle` by multiboot2; UEFI starts `corten.efi` from a
//! FAT image, which is both the CD's second boot entry and a partition of the stick.

use std::path::Path;
use std::process::Command;

use super::Image;
use crate::{Failure, fat::Fat, grub::Grub, places, process};

/// What GRUB does, embedded in it. There is no menu: there is one thing to boot.
const GRUB_COMMANDS: &str = "\
serial --unit=0 --speed=115200
terminal_output console serial
search --no-floppy --file --set=root /boot/corten.elf
set gfxpayload=1024x768x32,auto
multiboot2 /boot/corten.elf
module2 /boot/corten.bundle bundle
boot
";
/// GRUB's modules that these commands need.
const GRUB_MODULES: [&str; 10] = [
    "biosdisk",
    "iso9660",
    "part_gpt",
    "part_msdos",
    "search_fs_file",
    "search",
    "serial",
    "terminal",
    "multiboot2",
    "vbe",
];
/// The boot sector of a stick, in GRUB's package.
const STICK_BOOT_SECTOR: &str = "/usr/lib/grub/i386-pc/boot_hybrid.img";
/// Bytes of the FAT image beyond those of `corten.efi`: its tables and folders, generously.
const FAT_EXTRA_BYTES: u64 = 1 << 20;

/// Which firmware an image is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Firmware {
    /// BIOS and UEFI, from CD and stick.
    Both,
    /// BIOS only: an emulated machine needs no more, and `corten.efi` takes long to link.
    Bios,
}

/// Makes the image from the files of `image`.
pub(super) fn make(image: &Image<'_>, firmware: Firmware) -> Result<(), Failure> {
    let tree = image.folder.join("iso");
    if tree.exists() {
        std::fs::remove_dir_all(&tree).map_err(|error| Failure::file(&tree, &error))?;
    }
    places::make_folder(&tree.join("boot/grub"))?;
    places::copy(&image.elf(), &tree.join("boot/corten.elf"))?;
    places::copy(&image.bundle(), &tree.join("boot/corten.bundle"))?;
    make_grub(image, &tree)?;
    if firmware == Firmware::Both {
        make_fat(&image.efi(), &tree.join("boot/efi.img"))?;
    }
    make_iso(&tree, &image.iso(), firmware)?;
    std::fs::remove_dir_all(&tree).map_err(|error| Failure::file(&tree, &error))
}

fn make_grub(image: &Image<'_>, tree: &Path) -> Result<(), Failure> {
    let grub = Grub {
        format: "i386-pc-eltorito",
        prefix: "/boot/grub",
        commands: GRUB_COMMANDS,
        modules: &GRUB_MODULES,
    };
    grub.make(&tree.join("boot/grub/eltorito.img"), &image.folder)
}

/// A FAT file system with the UEFI program where firmware looks for it.
fn make_fat(efi: &Path, path: &Path) -> Result<(), Failure> {
    let bytes = std::fs::metadata(efi).map_err(|error| Failure::file(efi, &error))?.len();
    // FAT tables take about a thousandth with the clusters that mformat chooses.
    let bytes = (bytes + bytes / 100 + FAT_EXTRA_BYTES).next_multiple_of(512);
    let file = std::fs::File::create(path).map_err(|error| Failure::file(path, &error))?;
    file.set_len(bytes).map_err(|error| Failure::file(path, &error))?;
    Fat::make(path, 0, bytes, "c0de0001", "CORTEN")?.add_loader(efi)
}

fn make_iso(tree: &Path, iso: &Path, firmware: Firmware) -> Result<(), Failure> {
    let mut command = Command::new("xorriso");
    // Fixed times make the same input give the same image.
    command.env("SOURCE_DATE_EPOCH", "1767225600");
    command.args(["-as", "mkisofs", "-quiet", "-V", "CORTEN", "-r", "-J"]);
    command.args(["-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4"]);
    command.args(["-boot-info-table", "--grub2-boot-info", "--grub2-mbr", STICK_BOOT_SECTOR]);
    if firmware == Firmware::Both {
        command.args(["-eltorito-alt-boot", "-e", "boot/efi.img", "-no-emul-boot"]);
        command.args(["-efi-boot-part", "--efi-boot-image"]);
    }
    command.arg("--protective-msdos-label").arg("-o").arg(iso).arg(tree);
    process::output(&mut command)?;
    Ok(())
}
