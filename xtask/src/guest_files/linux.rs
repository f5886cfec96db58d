//! Debian's kernel for virtual machines, unmodified.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::package;
use crate::{Failure, places, process, setup};

/// The package that always depends on the newest kernel.
const PACKAGE: &str = "linux-image-cloud-amd64";
/// Modules for the devices that our machines have, the power button among them.
const MODULES: [&str; 8] = [
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "virtio-rng",
    "virtio_balloon",
    "rng-core",
    "button",
    "evdev",
];
/// Modules for drives of PCs.
const DRIVE_MODULES: [&str; 3] = ["ata_piix", "sd_mod", "sr_mod"];
/// The files that list them in the order in which they load.
const MODULE_LIST: &str = "modules.txt";
const DRIVE_MODULE_LIST: &str = "drive-modules.txt";
/// Says which modules were taken from the package, so that a change of the list fetches it again.
const TAKEN: &str = "taken.txt";

/// A kernel and the modules that fit it.
pub(crate) struct Linux {
    folder: PathBuf,
}

impl Linux {
    /// Fetches the kernel with apt, without installing it, unless that was done before.
    pub(crate) fn fetch() -> Result<Self, Failure> {
        let linux = Self { folder: places::folder("linux")? };
        let taken = places::read_text(&linux.folder.join(TAKEN)).unwrap_or_default();
        let wanted = [&MODULES[..], &DRIVE_MODULES].concat().join("\n");
        if !linux.kernel().exists() || taken != wanted {
            linux.download()?;
            places::write(&linux.folder.join(TAKEN), wanted)?;
        }
        Ok(linux)
    }

    /// The bzImage.
    pub(crate) fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The modules for our devices, each after those that it needs.
    pub(crate) fn modules(&self) -> Result<Vec<PathBuf>, Failure> {
        self.listed(MODULE_LIST)
    }

    /// The modules for drives that only PCs have, likewise; to be loaded after the others.
    pub(crate) fn drive_modules(&self) -> Result<Vec<PathBuf>, Failure> {
        self.listed(DRIVE_MODULE_LIST)
    }

    fn listed(&self, list: &str) -> Result<Vec<PathBuf>, Failure> {
        let list = places::read_text(&self.folder.join(list))?;
        Ok(list.lines().map(|name| self.folder.join(name)).collect())
    }

    fn download(&self) -> Result<(), Failure> {
        let package = match newest_package() {
            Ok(package) => package,
            Err(_) => {
                setup::refresh_lists()?;
                newest_package()?
            }
        };
        let scratch = places::folder("linux/package")?;
        let tree = package::unpacked(&package, &scratch)?;
        self.take_modules(&first_with(&tree.join("lib/modules"), |_| true)?)?;
        let kernel = first_with(&tree.join("boot"), |name| name.starts_with("vmlinuz-"))?;
        places::copy(&kernel, &self.kernel())?;
        std::fs::remove_dir_all(&scratch).map_err(|error| Failure::file(&scratch, &error))
    }

    /// Copies the modules and writes the order in which they load. A kernel that has a driver built in has no module for it.
    fn take_modules(&self, modules: &Path) -> Result<(), Failure> {
        // depmod has not run on a package that is not installed: each module says itself what it needs.
        let mut ordered = Vec::new();
        let all = files_below(modules)?;
        for name in MODULES {
            add_module(name, &all, &mut ordered)?;
        }
        let always = ordered.len();
        for name in DRIVE_MODULES {
            add_module(name, &all, &mut ordered)?;
        }
        self.keep_modules(MODULE_LIST, ordered.get(..always).unwrap_or_default())?;
        self.keep_modules(DRIVE_MODULE_LIST, ordered.get(always..).unwrap_or_default())
    }

    fn keep_modules(&self, list_name: &str, ordered: &[PathBuf]) -> Result<(), Failure> {
        let mut list = String::new();
        for module in ordered {
            let name = module.file_name().unwrap_or_default().to_string_lossy().into_owned();
            places::copy(module, &self.folder.join(&name))?;
            list.push_str(&name);
            list.push('\n');
        }
        places::write(&self.folder.join(list_name), list)
    }
}

/// Adds a module after those that it depends on.
fn add_module(name: &str, all: &[PathBuf], ordered: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let plain = name.replace('-', "_");
    let is_it = |path: &&PathBuf| {
        path.file_stem().is_some_and(|stem| stem.to_string_lossy().replace('-', "_") == plain)
    };
    let Some(path) = all.iter().find(is_it) else { return Ok(()) };
    if ordered.contains(path) {
        return Ok(());
    }
    for needed in dependencies(&places::read(path)?) {
        add_module(&needed, all, ordered)?;
    }
    ordered.push(path.clone());
    Ok(())
}

/// The names after `depends=` in a module's `.modinfo`, a list of zero-terminated texts.
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let text: Vec<u8> = module[at + KEY.len()..].iter().copied().take_while(|&byte| byte != 0).collect();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.split(',').filter(|name| !name.is_empty()).map(String::from).collect()
}

fn newest_package() -> Result<String, Failure> {
    let printed = process::output(Command::new("apt-cache").args(["depends", PACKAGE]))?;
    let dependency = printed.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"));
    let name = dependency.ok_or_else(|| Failure::new(format!("apt knows no kernel for {PACKAGE}")))?;
    Ok(format!("linux-image-{name}"))
}

fn first_with(folder: &Path, fits: impl Fn(&str) -> bool) -> Result<PathBuf, Failure> {
    let has_it = |path: &PathBuf| path.file_name().is_some_and(|name| fits(&name.to_string_lossy()));
    let found = places::list(folder)?.into_iter().find(has_it);
    found.ok_or_else(|| {
        Failure::new(format!("{} does not hold what a kernel package should", folder.display()))
    })
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in places::list(folder)? {
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
