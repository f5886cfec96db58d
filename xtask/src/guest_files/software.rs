//! Bootable images of software that stories boot, as Debian's packages bring them or made of what they bring.

use std::path::Path;

use super::package::Packages;
use super::{Linux, boot_disk, debian_disk, installer, shell_script};
use crate::{Failure, places};

/// The bytes of a 3.5 inch floppy, for images that leave its end away.
const FLOPPY_BYTES: usize = 1_474_560;

/// What a story calls an image that a package has, the package, and where.
const IN_PACKAGES: [(&str, &str, &str); 5] = [
    ("memtest.iso", "memtest86+", "usr/lib/memtest86+/memtest86+x64.iso"),
    ("ipxe.iso", "ipxe", "usr/lib/ipxe/ipxe.iso"),
    ("grub-rescue.iso", "grub-rescue-pc", "usr/lib/grub-rescue/grub-rescue-cdrom.iso"),
    ("grub-rescue.img", "grub-rescue-pc", "usr/lib/grub-rescue/grub-rescue-floppy.img"),
    ("u-boot.rom", "u-boot-qemu", "usr/lib/u-boot/qemu-x86/u-boot.rom"),
];

/// Where a disk's first partition begins, and how many of its bytes are lost on one that is corrupt: the file system's
/// tables and folders.
const PARTITION_START: usize = 1 << 20;
const LOST_BYTES: usize = 1 << 20;

/// An image that is made of more than one file.
struct Composed {
    name: &'static str,
    /// What it depends on: it is made again when this changes.
    recipe: fn() -> String,
    make: fn(&Path) -> Result<(), Failure>,
}

const COMPOSED: [Composed; 6] = [
    Composed { name: "debian.img", recipe: debian_disk::recipe, make: debian_disk::make },
    Composed { name: "installer.iso", recipe: installer::recipe, make: installer::make },
    Composed { name: "i386.img", recipe: String::new, make: make_i386_disk },
    Composed { name: "corrupt.img", recipe: String::new, make: make_corrupt_disk },
    Composed { name: "empty.iso", recipe: String::new, make: |path| places::write(path, []) },
    Composed { name: "script.img", recipe: shell_script::recipe, make: shell_script::make },
];

/// Puts those images that the definition names into `folder`, unless they are there.
pub(crate) fn fetch_software(definition: &str, folder: &Path) -> Result<(), Failure> {
    let is_wanted = |name: &str| definition.contains(&format!("\"{name}\""));
    for (name, package, path) in IN_PACKAGES {
        let image = folder.join(name);
        if is_wanted(name) && !image.exists() {
            Packages::native().take(package, |tree| take_image(&tree.join(path), &image))?;
        }
    }
    for composed in COMPOSED {
        if is_wanted(composed.name) {
            composed.make_unless_there(folder)?;
        }
    }
    Ok(())
}

impl Composed {
    fn make_unless_there(&self, folder: &Path) -> Result<(), Failure> {
        let image = folder.join(self.name);
        let made_by = folder.join(format!("{}.recipe", self.name));
        let recipe = (self.recipe)();
        if image.exists() && places::read_text(&made_by).is_ok_and(|before| before == recipe) {
            return Ok(());
        }
        (self.make)(&image)?;
        places::write(&made_by, recipe)
    }
}

fn take_image(from: &Path, image: &Path) -> Result<(), Failure> {
    let mut bytes = places::read(from)?;
    if image.extension().is_some_and(|extension| extension == "img") {
        bytes.resize(FLOPPY_BYTES, 0);
    }
    places::write(image, bytes)
}

fn make_i386_disk(image: &Path) -> Result<(), Failure> {
    boot_disk(&Linux::fetch_i386()?, image, &places::folder("i386-disk")?)
}

/// GRUB is whole, but the file system that it looks for is gone.
fn make_corrupt_disk(image: &Path) -> Result<(), Failure> {
    boot_disk(&Linux::fetch()?, image, &places::folder("corrupt-disk")?)?;
    let mut disk = places::read(image)?;
    let lost = disk.get_mut(PARTITION_START..PARTITION_START + LOST_BYTES);
    lost.ok_or_else(|| Failure::new("the disk is shorter than expected"))?.fill(0xA5);
    places::write(image, disk)
}
