//! `corten.iso`: one image for CD and USB stick, for BIOS and UEFI.
//!
//! BIOS starts GRUB, which loads `corten.elf` and `corten.bundle` by multiboot2; UEFI starts `corten.efi` from a
//! FAT image, which is both the CD's second boot entry and a partition of the stick.

use std::path::Path;

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
        cd::make_fat(&image.efi(), &tree.join(cd::FAT))?;
    }
    cd::make(&tree, "CORTEN", &image.iso(), firmware)?;
    std::fs::remove_dir_all(&tree).map_err(|error| Failure::file(&tree, &error))
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
