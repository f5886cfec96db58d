//! `cargo xtask image`: the files that machines boot.

mod definition;
mod iso;

use std::path::{Path, PathBuf};

use loader_bundle::{BundleWriter, names};

use crate::build::{System, build_loader};
use crate::cd::Firmware;
use crate::{Failure, elf, places, setup};

pub(crate) use definition::Definition;

/// Packs the system and virtual machines into the files that a machine boots.
///
/// Writes into DIR: corten.efi (one UEFI program with everything inside), corten.iso (for a CD or a USB stick,
/// boots on BIOS and UEFI), corten.elf and corten.bundle (for `qemu -kernel corten.elf -initrd corten.bundle` and
/// other loaders that know PVH or multiboot2).
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// VM definition file (TOML); the files that it names are looked for beside it
    #[arg(long, value_name = "FILE")]
    vms: Option<PathBuf>,
    /// Folder for the image files
    #[arg(long, value_name = "DIR", default_value = "target/image")]
    out: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let definition = match &arguments.vms {
        Some(file) => Definition::read(file)?,
        None => Definition::empty(),
    };
    setup::ensure(&[setup::Need::IsoTools])?;
    let system = System::build()?;
    let image = Image::new(&system, &definition, &arguments.out)?;
    image.make_efi()?;
    image.make_iso()?;
    for file in [image.efi(), image.iso(), image.elf(), image.bundle()] {
        let bytes = std::fs::metadata(&file).map_or(0, |data| data.len());
        println!("{:>12} bytes  {}", bytes, file.display());
    }
    Ok(())
}

/// The files of one image; kernel and bundle are there from the start, the others when made.
pub(crate) struct Image<'s> {
    system: &'s System,
    folder: PathBuf,
}

impl<'s> Image<'s> {
    /// Packs kernel and bundle.
    pub(crate) fn new(system: &'s System, definition: &Definition, folder: &Path) -> Result<Self, Failure> {
        places::make_folder(folder)?;
        let image = Self { system, folder: folder.into() };
        places::write(&image.elf(), elf::strip(&system.kernel)?)?;
        places::write(&image.bundle(), pack(system, definition)?)?;
        Ok(image)
    }

    /// The image whose kernel and bundle are in the folder already.
    pub(crate) fn packed(system: &'s System, folder: &Path) -> Self {
        Self { system, folder: folder.into() }
    }

    /// Makes `corten.efi`.
    pub(crate) fn make_efi(&self) -> Result<(), Failure> {
        let bundle =
            std::path::absolute(self.bundle()).map_err(|error| Failure::file(&self.bundle(), &error))?;
        let loader = build_loader(&self.system.toolchain, &bundle)?;
        places::copy(&loader, &self.efi())
    }

    /// Makes `corten.iso`; `corten.efi` must be there.
    pub(crate) fn make_iso(&self) -> Result<(), Failure> {
        iso::make(self, Firmware::Both)
    }

    /// Makes `corten.iso` for BIOS alone; needs no `corten.efi`.
    pub(crate) fn make_bios_iso(&self) -> Result<(), Failure> {
        iso::make(self, Firmware::Bios)
    }

    /// Makes `corten.iso` for a test: its UEFI half locks VT-x off before it starts Corten. `corten.efi` must be there.
    pub(crate) fn make_locking_iso(&self) -> Result<(), Failure> {
        iso::make_locking(self)
    }

    /// The kernel, for PVH and multiboot2 loaders.
    pub(crate) fn elf(&self) -> PathBuf {
        self.folder.join("corten.elf")
    }

    /// Programs, VM definitions and their files.
    pub(crate) fn bundle(&self) -> PathBuf {
        self.folder.join("corten.bundle")
    }

    /// The UEFI program.
    pub(crate) fn efi(&self) -> PathBuf {
        self.folder.join("corten.efi")
    }

    /// The CD and USB image.
    pub(crate) fn iso(&self) -> PathBuf {
        self.folder.join("corten.iso")
    }
}

/// The bundle of the system with these virtual machines.
fn pack(system: &System, definition: &Definition) -> Result<Vec<u8>, Failure> {
    let mut files = vec![
        (names::KERNEL.to_string(), elf::strip(&system.kernel)?),
        (names::KERNEL_SYMBOLS.to_string(), elf::symbol_table(&system.kernel)?),
        (names::SYSTEM.to_string(), places::read(&places::root().join("system.toml"))?),
    ];
    for (name, program) in &system.programs {
        files.push((name.to_string(), elf::strip(program)?));
    }
    files.push((names::VMS.to_string(), definition.text().into()));
    for (name, path) in definition.files() {
        files.push((format!("{}{name}", names::FILE_PREFIX), places::read(path)?));
    }
    for (name, path) in definition.firmware() {
        files.push((name.to_string(), places::read(path)?));
    }
    let mut writer = BundleWriter::new();
    for (name, content) in files {
        writer.add(&name, content).map_err(|refusal| Failure::new(format!("{name}: {refusal}")))?;
    }
    Ok(writer.finish())
}
