//! What guests are made of: Debian's cloud kernel and an initial RAM disk of ours.

mod archive;
mod linux;
mod ram_disk;

pub(crate) use archive::Archive;
pub(crate) use linux::Linux;
pub(crate) use ram_disk::{add_busybox, shell_disk};
