//! Debian's kernels, unmodified.

use std::path::{Path, PathBuf};

use super::package::Packages;
use crate::{Failure, places};

/// The package that always depends on the newest kernel for virtual machines.
const PACKAGE: &str = "linux-image-cloud-amd64";
/// The same for 32-bit processors without physical address extension.
const PACKAGE_I386: &str = "linux-image-686";
/// The busybox for initial RAM disks of 32-bit kernels; that of this machine serves the others.
const BUSYBOX_I386: &str = "busybox-static";
/// The busybox of this machine.
const BUSYBOX: &str = "/bin/busybox";
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
/// Modules for drives of PCs, and for keyboards and mice on USB as far as the kernel has them.
const DRIVE_MODULES: [&str; 8] =
    ["ata_piix", "ahci", "nvme", "sd_mod", "sr_mod", "xhci_pci", "hid_generic", "usbhid"];
/// The files that list them in the order in which they load.
const MODULE_LIST: &str = "modules.txt";
const DRIVE_MODULE_LIST: &str = "drive-modules.txt";
/// Says which modules were taken from the package, so that a change of the list fetches it again.
const TAKEN: &str = "taken.txt";

/// A kernel, and the modules and the busybox that fit it.
pub(crate) struct Linux {
    folder: PathBuf,
    busybox: PathBuf,
}

impl Linux {
    /// Fetches the 64-bit kernel for virtual machines with apt, without installing it, unless that was done before.
    pub(crate) fn fetch() -> Result<Self, Failure> {
        let linux = Self { folder: places::folder("linux")?, busybox: BUSYBOX.into() };
        linux.fetch_unless_there(|| {
            let packages = Packages::native();
            linux.download(&packages, &packages.newest_kernel(PACKAGE)?)
        })?;
        Ok(linux)
    }

    /// Fetches the 32-bit kernel likewise.
    pub(crate) fn fetch_i386() -> Result<Self, Failure> {
        let folder = places::folder("linux-i386")?;
        let linux = Self { busybox: folder.join("busybox"), folder };
        linux.fetch_unless_there(|| {
            let packages = Packages::i386()?;
            linux.download(&packages, &packages.newest_kernel(PACKAGE_I386)?)?;
            let take = |tree: &Path| places::copy(&tree.join("bin/busybox"), &linux.busybox);
            packages.take(BUSYBOX_I386, take)
        })?;
        Ok(linux)
    }

    fn fetch_unless_there(&self, fetch: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        let taken = places::read_text(&self.folder.join(TAKEN)).unwrap_or_default();
        let wanted = [&MODULES[..], &DRIVE_MODULES].concat().join("\n");
        if self.kernel().exists() && taken == wanted {
            return Ok(());
        }
        fetch()?;
        places::write(&self.folder.join(TAKEN), wanted)
    }

    /// The busybox.
    pub(crate) fn busybox(&self) -> &Path {
        &self.busybox
    }

    /// The bzImage.
    pub(crate) fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The modules for our devices, each after those that it needs.
    pub(crate) fn modules(&self) -> Result<Vec<PathBuf>, Failure> {
        self.listed(MODULE_LIST)
    }

    /// The modules for drives and input that only PCs have, likewise; to be loaded after the others.
    pub(crate) fn drive_modules(&self) -> Result<Vec<PathBuf>, Failure> {
        self.listed(DRIVE_MODULE_LIST)
    }

    fn listed(&self, list: &str) -> Result<Vec<PathBuf>, Failure> {
        let list = places::read_text(&self.folder.join(list))?;
        Ok(list.lines().map(|name| self.folder.join(name)).collect())
    }

    fn download(&self, packages: &Packages, package: &str) -> Result<(), Failure> {
        packages.take(package, |tree| {
            self.take_modules(&first_with(&tree.join("lib/modules"), |_| true)?)?;
            let kernel = first_with(&tree.join("boot"), |name| name.starts_with("vmlinuz-"))?;
            places::copy(&kernel, &self.kernel())
        })
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
