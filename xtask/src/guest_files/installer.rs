//! Debian's installer as a CD: kernel and initial RAM disk of its netboot image behind GRUB, for BIOS and UEFI.

use std::path::Path;

use super::package::Packages;
use crate::cd::{self, Firmware};
use crate::{Failure, grub::Grub, places};

/// The package.
const PACKAGE: &str = "debian-installer-12-netboot-amd64";
/// Where it has the image whose questions are text.
const FOLDER: &str = "usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64";
/// What GRUB does. The kernel gets a frame buffer from either firmware, and writes on it with its own font: `fb=false` is
/// about the installer's font alone.
const GRUB_COMMANDS: &str = "\
search --no-floppy --file --set=root /installer/linux
set gfxpayload=800x600x32
insmod all_video
linux /installer/linux fb=false --- quiet
initrd /installer/initrd.gz
boot
";
/// GRUB's modules that these commands need, whatever the firmware.
const GRUB_MODULES: [&str; 7] =
    ["iso9660", "part_msdos", "search_fs_file", "search", "all_video", "linux", "normal"];

/// What the CD depends on.
pub(super) fn recipe() -> String {
    String::from(GRUB_COMMANDS)
}

/// Makes the CD at `path`.
pub(super) fn make(path: &Path) -> Result<(), Failure> {
    let scratch = places::empty_folder("installer")?;
    let tree = scratch.join("tree");
    places::make_folder(&tree.join("installer"))?;
    places::make_folder(&tree.join("boot/grub"))?;
    Packages::native().take(PACKAGE, |package| {
        ["linux", "initrd.gz"].iter().try_for_each(|name| {
            places::copy(&package.join(FOLDER).join(name), &tree.join("installer").join(name))
        })
    })?;
    make_grub("i386-pc-eltorito", &["biosdisk"], &tree.join(cd::GRUB), &scratch)?;
    let loader = scratch.join("bootx64.efi");
    make_grub("x86_64-efi", &["fat"], &loader, &scratch)?;
    cd::make_fat(&loader, &tree.join(cd::FAT))?;
    cd::make(&tree, "INSTALLER", path, Firmware::Both)?;
    std::fs::remove_dir_all(&scratch).map_err(|error| Failure::file(&scratch, &error))
}

fn make_grub(format: &str, further: &[&str], to: &Path, scratch: &Path) -> Result<(), Failure> {
    let modules = [&GRUB_MODULES, further].concat();
    Grub { format, prefix: "/boot/grub", commands: GRUB_COMMANDS, modules: &modules }.make(to, scratch)
}
