//! The RAM disk that makes Linux a shell: busybox and a script.

use std::path::PathBuf;

use super::{Archive, Linux};
use crate::{Failure, places};

/// The first program of the guest.
const INIT: &str = include_str!("init.sh");
/// A program that never ends.
const WORK: &str = include_str!("work.sh");

/// Adds busybox, a console and empty folders: what every RAM disk of ours has.
pub(crate) fn add_busybox(archive: &mut Archive, linux: &Linux) -> Result<(), Failure> {
    for folder in ["bin", "dev", "proc", "sys", "tmp", "lib", "lib/modules"] {
        archive.folder(folder);
    }
    archive.device("dev/console", (5, 1));
    archive.device("dev/null", (1, 3));
    archive.program("bin/busybox", &places::read(linux.busybox())?);
    Ok(())
}

/// The RAM disk of the demo and the stories.
pub(crate) fn shell_disk(linux: &Linux) -> Result<Vec<u8>, Failure> {
    ram_disk(linux, &linux.modules()?)
}

/// The same with modules for the drives that a PC may have.
pub(crate) fn drives_disk(linux: &Linux) -> Result<Vec<u8>, Failure> {
    let mut modules = linux.modules()?;
    modules.extend(linux.drive_modules()?);
    ram_disk(linux, &modules)
}

fn ram_disk(linux: &Linux, modules: &[PathBuf]) -> Result<Vec<u8>, Failure> {
    let mut archive = Archive::default();
    add_busybox(&mut archive, linux)?;
    let mut order = String::new();
    for module in modules {
        let name = module.file_name().unwrap_or_default().to_string_lossy().into_owned();
        archive.file(&format!("lib/modules/{name}"), &places::read(module)?);
        order.push_str(&name);
        order.push('\n');
    }
    archive.file("lib/modules/order", order.as_bytes());
    archive.program("init", INIT.as_bytes());
    archive.program("bin/work", WORK.as_bytes());
    Ok(archive.finish())
}
