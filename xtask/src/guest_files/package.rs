//! Debian packages that are unpacked and not installed: this machine's own boot menu is not to know of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, places, process, setup};

/// Fetches a package with apt and unpacks it below `scratch`; gives the folder that holds its files.
pub(super) fn unpacked(package: &str, scratch: &Path) -> Result<PathBuf, Failure> {
    let fetch = || {
        let mut command = Command::new("apt-get");
        command.current_dir(scratch).args(["download", package]);
        process::step(&format!("fetching {package}"), &mut command)
    };
    if fetch().is_err() {
        setup::refresh_lists()?;
        fetch()?;
    }
    let is_archive = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "deb");
    let archive = places::list(scratch)?.into_iter().find(is_archive);
    let archive = archive.ok_or_else(|| Failure::new(format!("apt fetched no archive for {package}")))?;
    let tree = scratch.join("tree");
    process::step("unpacking it", Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&tree))?;
    Ok(tree)
}
