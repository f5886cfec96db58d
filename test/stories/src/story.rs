//! What a story is and what it is given.

use std::path::{Path, PathBuf};
use std::time::Duration;

use test_emulator::{Boot, Emulator, Failure, Machine, Model, Running};

/// A net, not a measure: waits end by events. Generous, since several emulated machines share few processors.
pub(crate) const LIMIT: Duration = Duration::from_secs(400);

/// The same for small test kernels.
pub(crate) const SHORT_LIMIT: Duration = Duration::from_secs(60);

/// Memory of a machine in Bochs.
const BOCHS_MEMORY_MIB: u32 = 512;

/// What Corten prints when ring 0 is at its end, and Linux when it is.
const FATAL: [&str; 2] = ["KERNEL PANIC", "Kernel panic - not syncing"];

/// Where the outcome of each claim of a story goes, with its name.
pub type Report<'r> = dyn FnMut(&str, Result<(), Failure>) + 'r;

/// Tells a story in a world.
pub(crate) type Tell = dyn Fn(&World<'_>) -> Result<(), Failure> + Send + Sync;

/// Tells a story of these claims.
pub(crate) type TellEach = dyn Fn(&World<'_>, &[String], &mut Report<'_>) + Send + Sync;

/// Something to show about the whole system: one claim, or many that share the emulated machine.
pub struct Story {
    /// The claim, or what the claims have in common, in words joined by underscores.
    pub name: String,
    /// When it is told.
    pub extent: Extent,
    plot: Plot,
}

enum Plot {
    One(Box<Tell>),
    Each(Vec<String>, Box<TellEach>),
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
    /// The CD image whose UEFI half locks VT-x off before it starts Corten.
    fn locking_iso(&self, definition: &str, folder: &Path) -> Result<PathBuf, Failure>;
    /// The CD image for BIOS alone, which is made faster.
    fn bios_iso(&self, definition: &str, folder: &Path) -> Result<PathBuf, Failure>;
    /// The same of a bundle that [`Images::direct`] made, as it is now.
    fn bios_iso_of(&self, bundle: &Path) -> Result<PathBuf, Failure>;
}

/// What a story is given.
pub struct World<'w> {
    images: &'w dyn Images,
    folder: PathBuf,
}

impl Story {
    /// A story of one claim that is always told.
    pub fn new(name: &str, run: impl Fn(&World<'_>) -> Result<(), Failure> + Send + Sync + 'static) -> Self {
        Self { name: name.into(), extent: Extent::Always, plot: Plot::One(Box::new(run)) }
    }

    /// A story of many claims that is always told. `run` reports each of those that it is given.
    pub(crate) fn each(
        name: &str,
        claims: Vec<String>,
        run: impl Fn(&World<'_>, &[String], &mut Report<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), extent: Extent::Always, plot: Plot::Each(claims, Box::new(run)) }
    }

    /// Tells the story only in full runs.
    pub fn only_in_full_runs(mut self) -> Self {
        self.extent = Extent::Full;
        self
    }

    /// The names of its claims as they are reported.
    pub fn claims(&self) -> Vec<String> {
        match &self.plot {
            Plot::One(_) => vec![self.name.clone()],
            Plot::Each(claims, _) => claims.iter().map(|claim| self.full_name(claim)).collect(),
        }
    }

    /// Leaves those claims away whose name does not contain `text`.
    pub fn keep(&mut self, text: &str) {
        let name = self.name.clone();
        if let Plot::Each(claims, _) = &mut self.plot {
            claims.retain(|claim| full_name(&name, claim).contains(text));
        }
    }

    /// Tells it.
    pub fn tell(&self, world: &World<'_>, report: &mut Report<'_>) {
        match &self.plot {
            Plot::One(tell) => report(&self.name, tell(world)),
            Plot::Each(claims, tell) => {
                tell(world, claims, &mut |claim, outcome| report(&self.full_name(claim), outcome));
            }
        }
    }

    fn full_name(&self, claim: &str) -> String {
        full_name(&self.name, claim)
    }
}

fn full_name(story: &str, claim: &str) -> String {
    format!("{story}/{}", claim.replace('-', "_"))
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

    /// A machine that its BIOS boots from CD; its screen shows pictures.
    pub fn bios(&self, definition: &str) -> Result<Machine, Failure> {
        Ok(self.machine(Boot::BiosCd(self.images.bios_iso(definition, &self.folder)?)))
    }

    /// The CD image.
    pub fn iso(&self, definition: &str) -> Result<PathBuf, Failure> {
        self.images.iso(definition, &self.folder)
    }

    /// A machine in Bochs that its BIOS boots.
    pub fn bochs(&self, definition: &str, model: Model) -> Result<Machine, Failure> {
        let image = self.images.bios_iso(definition, &self.folder)?;
        Ok(self.in_bochs(Boot::BiosCd(image), model))
    }

    /// A machine in Bochs that its BIOS boots, with a bundle that [`World::files`] made, as it is now.
    pub fn bochs_with(&self, bundle: &Path, model: Model) -> Result<Machine, Failure> {
        Ok(self.in_bochs(Boot::BiosCd(self.images.bios_iso_of(bundle)?), model))
    }

    /// A machine in Bochs with UEFI firmware.
    pub fn bochs_uefi(&self, definition: &str, model: Model) -> Result<Machine, Failure> {
        Ok(self.in_bochs(Boot::UefiCd(self.iso(definition)?), model))
    }

    /// A machine in Bochs whose UEFI firmware leaves VT-x locked off.
    pub fn bochs_locked(&self, definition: &str, model: Model) -> Result<Machine, Failure> {
        let image = self.images.locking_iso(definition, &self.folder)?;
        Ok(self.in_bochs(Boot::UefiCd(image), model))
    }

    fn in_bochs(&self, boot: Boot, model: Model) -> Machine {
        self.machine(boot).emulator(Emulator::Bochs(model)).memory_mib(BOCHS_MEMORY_MIB)
    }

    /// Kernel and bundle as files, for stories that damage them.
    pub fn files(&self, definition: &str) -> Result<(PathBuf, PathBuf), Failure> {
        self.images.direct(definition, &self.folder)
    }

    /// A machine that boots so, and fails at the first sign of a panic.
    pub fn machine(&self, boot: Boot) -> Machine {
        FATAL.iter().fold(Machine::new(boot), |machine, text| machine.fatal(text))
    }

    /// The same world with another folder, for a machine after the first.
    pub(crate) fn again(&self, number: usize) -> World<'w> {
        World { images: self.images, folder: self.folder.join(format!("machine-{number}")) }
    }

    /// Turns a machine on.
    pub fn start(&self, machine: &Machine) -> Result<Running, Failure> {
        machine.start(&self.folder)
    }
}
