//! `corten.iso`: one image for CD and USB stick, for BIOS and UEFI.
//!
//! BIOS starts GRUB, which loads `corten.elf` and `corten.bundle` by multiboot2; UEFI starts `corten.efi` from a
//! FAT image, which is both the CD's second boot entry and a partition of the stick.

use std::path::{Path, PathBuf};

use super::Image;
use crate::cd::{self, Firmware};
use crate::{Failure, grub::Grub, places};

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

/// What GRUB does under UEFI before it starts `corten.efi`, in an image for tests: it does as firmware whose set-up has VT-x
/// switched off, and locks IA32_FEATURE_CONTROL so (Intel SDM vol. 3, 24.7).
const LOCKING_COMMANDS: &str = "\
wrmsr 0x3a 1
search --no-floppy --file --set=root /boot/corten.efi
chainloader /boot/corten.efi
boot
";
/// GRUB's modules that these commands need.
const LOCKING_MODULES: [&str; 9] =
    ["iso9660", "part_gpt", "part_msdos", "fat", "search_fs_file", "search", "chain", "wrmsr", "normal"];

/// Makes the image from the files of `image`.
pub(super) fn make(image: &Image<'_>, firmware: Firmware) -> Result<(), Failure> {
    let tree = make_tree(image)?;
    if firmware == Firmware::Both {
        cd::make_fat(&image.efi(), &tree.join(cd::FAT))?;
    }
    finish(image, &tree, firmware)
}

/// Makes an image whose UEFI half locks VT-x off before it starts Corten.
pub(super) fn make_locking(image: &Image<'_>) -> Result<(), Failure> {
    let tree = make_tree(image)?;
    places::copy(&image.efi(), &tree.join("boot/corten.efi"))?;
    let loader = image.folder.join("locking.efi");
    let grub = Grub {
        format: "x86_64-efi",
        prefix: "/boot/grub",
        commands: LOCKING_COMMANDS,
        modules: &LOCKING_MODULES,
    };
    grub.make(&loader, &image.folder)?;
    cd::make_fat(&loader, &tree.join(cd::FAT))?;
    finish(image, &tree, Firmware::Both)
}

/// A folder with the files that GRUB finds on the CD.
fn make_tree(image: &Image<'_>) -> Result<PathBuf, Failure> {
    let tree = image.folder.join("iso");
    if tree.exists() {
        std::fs::remove_dir_all(&tree).map_err(|error| Failure::file(&tree, &error))?;
    }
    places::make_folder(&tree.join("boot/grub"))?;
    places::copy(&image.elf(), &tree.join("boot/corten.elf"))?;
    places::copy(&image.bundle(), &tree.join("boot/corten.bundle"))?;
    make_grub(image, &tree)?;
    Ok(tree)
}

fn finish(image: &Image<'_>, tree: &Path, firmware: Firmware) -> Result<(), Failure> {
    cd::make(tree, "CORTEN", &image.iso(), firmware)?;
    std::fs::remove_dir_all(tree).map_err(|error| Failure::file(tree, &error))
}

fn make_grub(image: &Image<'_>, tree: &Path) -> Result<(), Failure> {
    let grub = Grub {
        format: "i386-pc-eltorito",
        prefix: "/boot/grub",
        commands: GRUB_COMMANDS,
        modules: &GRUB_MODULES,
    };
    grub.make(&tree.join(cd::GRUB), &image.folder)
}
