//! What guests are made of: Debian's cloud kernel and an initial RAM disk of ours.

mod archive;
mod boot_disk;
mod linux;
mod package;
mod ram_disk;
mod software;

pub(crate) use archive::Archive;
pub(crate) use boot_disk::boot_disk;
pub(crate) use linux::Linux;
pub(crate) use ram_disk::{add_busybox, drives_disk, shell_disk};
pub(crate) use software::fetch_software;
