//! Bootable images as Debian's packages bring them.

use std::path::Path;

use super::package;
use crate::{Failure, places};

/// The bytes of a 3.5 inch floppy, for images that leave its end away.
const FLOPPY_BYTES: usize = 1_474_560;

/// What a story calls an image, the package that has it, and where.
const IMAGES: [(&str, &str, &str); 5] = [
    ("memtest.iso", "memtest86+", "usr/lib/memtest86+/memtest86+x64.iso"),
    ("ipxe.iso", "ipxe", "usr/lib/ipxe/ipxe.iso"),
    ("grub-rescue.iso", "grub-rescue-pc", "usr/lib/grub-rescue/grub-rescue-cdrom.iso"),
    ("grub-rescue.img", "grub-rescue-pc", "usr/lib/grub-rescue/grub-rescue-floppy.img"),
    ("u-boot.rom", "u-boot-qemu", "usr/lib/u-boot/qemu-x86/u-boot.rom"),
];

/// Puts those images that the definition names into `folder`, unless they are there.
pub(crate) fn fetch_software(definition: &str, folder: &Path) -> Result<(), Failure> {
    for (name, package, path) in IMAGES {
        let image = folder.join(name);
        if !definition.contains(&format!("\"{name}\"")) || image.exists() {
            continue;
        }
        let scratch = places::folder("software")?;
        let tree = package::unpacked(package, &scratch)?;
        let mut bytes = places::read(&tree.join(path))?;
        if Path::new(name).extension().is_some_and(|extension| extension == "img") {
            bytes.resize(FLOPPY_BYTES, 0);
        }
        places::write(&image, bytes)?;
        std::fs::remove_dir_all(&scratch).map_err(|error| Failure::file(&scratch, &error))?;
    }
    Ok(())
}
