//! A disk from which a PC boots Linux, by BIOS and by UEFI: GRUB in front of a FAT file system with the kernel and
//! the RAM disk.

use std::path::Path;

use super::{Linux, drives_disk, grub_disk::GrubDisk};
use crate::{Failure, places};

/// What GRUB does. The guest's script says what the tasks are. Linux is spared what takes long in Bochs.
const GRUB_COMMANDS: &str = "\
serial --unit=0 --speed=115200
terminal_output serial console
search --no-floppy --label --set=root PCBOOT
linux /vmlinuz console=ttyS0 quiet nokaslr mitigations=off cryptomgr.notests corten.do=drives,shell
initrd /initrd.img
boot
";

/// Makes the disk at `path`; `scratch` takes files on the way.
pub(crate) fn boot_disk(linux: &Linux, path: &Path, scratch: &Path) -> Result<(), Failure> {
    places::make_folder(scratch)?;
    let initrd = scratch.join("initrd.img");
    places::write(&initrd, drives_disk(linux)?)?;
    let files = [(linux.kernel(), "vmlinuz"), (initrd, "initrd.img")];
    let bytes = files.iter().filter_map(|(file, _)| std::fs::metadata(file).ok()).map(|file| file.len());
    let disk = GrubDisk {
        label: "PCBOOT",
        commands: GRUB_COMMANDS,
        modules: &[],
        file_bytes: bytes.sum(),
        linux_bytes: 0,
    };
    let made = disk.make(path, scratch)?;
    files.iter().try_for_each(|(file, name)| made.fat.add_file(file, name))
}
