//! Debian's installer as a CD: kernel and initial RAM disk of its netboot image behind GRUB, for BIOS and UEFI.

use std::path::Path;

use super::package::Packages;
use crate::cd::{self, Firmware};
use crate::{Failure, grub::Grub, places};

/// What stands before and behind the number of the release in the package's name.
const PACKAGE: [&str; 2] = ["debian-installer-", "-netboot-amd64"];
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
    let packages = Packages::native();
    let [before, behind] = PACKAGE;
    let release = newest_release(&packages.names(before)?);
    let release = release.ok_or_else(|| {
        Failure::new(format!(
            "apt knows no {before}N{behind}, whatever the N: Debian's archive for amd64 has it"
        ))
    })?;
    packages.take(&format!("{before}{release}{behind}"), |package| {
        let folder = package.join(image_folder(release));
        ["linux", "initrd.gz"]
            .iter()
            .try_for_each(|name| places::copy(&folder.join(name), &tree.join("installer").join(name)))
    })?;
    make_grub("i386-pc-eltorito", &["biosdisk"], &tree.join(cd::GRUB), &scratch)?;
    let loader = scratch.join("bootx64.efi");
    make_grub("x86_64-efi", &["fat"], &loader, &scratch)?;
    cd::make_fat(&loader, &tree.join(cd::FAT))?;
    cd::make(&tree, "INSTALLER", path, Firmware::Both)?;
    std::fs::remove_dir_all(&scratch).map_err(|error| Failure::file(&scratch, &error))
}

/// Of the packages with these names.
fn newest_release(names: &[String]) -> Option<u32> {
    let [before, behind] = PACKAGE;
    let number = |name: &String| name.strip_prefix(before)?.strip_suffix(behind)?.parse().ok();
    names.iter().filter_map(number).max()
}

/// Where the package has the image whose questions are text.
fn image_folder(release: u32) -> String {
    format!("usr/lib/debian-installer/images/{release}/amd64/text/debian-installer/amd64")
}

fn make_grub(format: &str, further: &[&str], to: &Path, scratch: &Path) -> Result<(), Failure> {
    let modules = [&GRUB_MODULES, further].concat();
    Grub { format, prefix: "/boot/grub", commands: GRUB_COMMANDS, modules: &modules }.make(to, scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_installer_for_this_kind_of_processor_is_chosen() {
        let names = ["launcher", "9-netboot-amd64", "12-netboot-amd64", "13-netboot-i386"];
        let names = names.map(|name| format!("debian-installer-{name}"));

        assert_eq!(newest_release(&names), Some(12));
        assert_eq!(newest_release(&names[..1]), None);
    }
}
