//! What a story is and what it is given.

use std::path::{Path, PathBuf};
use std::time::Duration;

use test_emulator::{Boot, Failure, Machine, Running};

/// A net, not a measure: waits end by events. Generous, since several emulated machines share few processors.
pub(crate) const LIMIT: Duration = Duration::from_secs(180);

/// The same for small test kernels.
pub(crate) const SHORT_LIMIT: Duration = Duration::from_secs(60);

/// What Corten prints when ring 0 is at its end, and Linux when it is.
const FATAL: [&str; 2] = ["KERNEL PANIC", "Kernel panic - not syncing"];

/// Tells a story in a world.
pub(crate) type Tell = dyn Fn(&World<'_>) -> Result<(), Failure> + Send + Sync;

/// One claim about the whole system.
pub struct Story {
    /// The claim, in words joined by underscores.
    pub name: String,
    /// When it is told.
    pub extent: Extent,
    /// Tells it.
    pub run: Box<Tell>,
}

/// When a story is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// Always.
    Always,
    /// Only in a full run: another combination of what others show already.
    Full,
}

/// Makes the files that machines boot.
pub trait Images: Sync {
    /// Kernel and bundle, for loaders that know PVH.
    fn direct(&self, definition: &str, folder: &Path) -> Result<(PathBuf, PathBuf), Failure>;
    /// The UEFI program.
    fn efi(&self, definition: &str, folder: &Path) -> Result<PathBuf, Failure>;
    /// The CD image.
    fn iso(&self, definition: &str, folder: &Path) -> Result<PathBuf, Failure>;
}

/// What a story is given.
pub struct World<'w> {
    images: &'w dyn Images,
    folder: PathBuf,
}

impl Story {
    /// A story that is always told.
    pub fn new(name: &str, run: impl Fn(&World<'_>) -> Result<(), Failure> + Send + Sync + 'static) -> Self {
        Self { name: name.into(), extent: Extent::Always, run: Box::new(run) }
    }

    /// Tells the story only in full runs.
    pub fn only_in_full_runs(mut self) -> Self {
        self.extent = Extent::Full;
        self
    }
}

impl<'w> World<'w> {
    /// A world for one story, whose files go to `folder`.
    pub fn new(images: &'w dyn Images, folder: &Path) -> Self {
        Self { images, folder: folder.into() }
    }

    /// A machine that QEMU starts Corten on directly, the fastest way.
    pub fn direct(&self, definition: &str) -> Result<Machine, Failure> {
        let (kernel, bundle) = self.images.direct(definition, &self.folder)?;
        Ok(self.machine(Boot::Direct { kernel, initrd: Some(bundle), command_line: String::new() }))
    }

    /// A machine with UEFI firmware.
    pub fn uefi(&self, definition: &str) -> Result<Machine, Failure> {
        Ok(self.machine(Boot::UefiProgram(self.images.efi(definition, &self.folder)?)))
    }

    /// The CD image.
    pub fn iso(&self, definition: &str) -> Result<PathBuf, Failure> {
        self.images.iso(definition, &self.folder)
    }

    /// Kernel and bundle as files, for stories that damage them.
    pub fn files(&self, definition: &str) -> Result<(PathBuf, PathBuf), Failure> {
        self.images.direct(definition, &self.folder)
    }

    /// A machine that boots so, and fails at the first sign of a panic.
    pub fn machine(&self, boot: Boot) -> Machine {
        FATAL.iter().fold(Machine::new(boot), |machine, text| machine.fatal(text))
    }

    /// Turns a machine on.
    pub fn start(&self, machine: &Machine) -> Result<Running, Failure> {
        machine.start(&self.folder)
    }
}
