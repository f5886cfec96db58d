//! What guests are made of: Debian's kernels and an initial RAM disk of ours, an installed Debian, and other software
//! from its archive.

mod archive;
mod boot_disk;
mod debian_disk;
mod grub_disk;
mod installer;
mod linux;
mod package;
mod ram_disk;
mod shell_script;
mod software;

pub(crate) use archive::Archive;
pub(crate) use boot_disk::boot_disk;
pub(crate) use grub_disk::GrubDisk;
pub(crate) use linux::Linux;
pub(crate) use ram_disk::{add_busybox, drives_disk, shell_disk};
pub(crate) use software::fetch_software;
