//! `cargo xtask build`: the kernel, the UEFI loader and the ring-3 programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use loader_bundle::{Checksum, names};

use crate::toolchain::{Target, Toolchain};
use crate::{Failure, places, process};

/// Builds the kernel, the UEFI loader and the programs for their bare targets.
///
/// Takes rustup's toolchain if it has, or can fetch, the sources of its library (component rust-src), and
/// Debian's rustc-web otherwise. What is built lies in target/bare.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Runs the command.
pub(crate) fn run(_arguments: &Arguments) -> Result<(), Failure> {
    let system = System::build()?;
    println!("kernel    {}", system.kernel.display());
    for (name, path) in &system.programs {
        println!("{name}    {}", path.display());
    }
    Ok(())
}

/// The ring-3 programs: name in the bundle, crate, and the file that cargo makes.
const PROGRAMS: [(&str, &str, &str); 3] = [
    (names::SUPERVISOR, "management_service", "supervisor"),
    (names::CONSOLE, "console_service", "console"),
    (names::VMM, "vmm_program", "vmm"),
];

/// Folders and files whose content decides what the kernel is.
const KERNEL_SOURCES: [&str; 7] =
    ["Cargo.lock", "Cargo.toml", "abi", "base", "kernel", "loader/bundle", "spec"];

/// Everything that was built, as the linker left it.
pub(crate) struct System {
    /// The toolchain it was built with, for the loader, which is linked once per image.
    pub(crate) toolchain: Toolchain,
    /// The kernel's ELF file.
    pub(crate) kernel: PathBuf,
    /// Name in the bundle and ELF file of each program.
    pub(crate) programs: Vec<(&'static str, PathBuf)>,
}

impl System {
    /// Builds it.
    pub(crate) fn build() -> Result<Self, Failure> {
        let toolchain = Toolchain::find()?;
        let kernel = build_kernel(&toolchain)?;
        let mut command = toolchain.cargo_build(Target::User);
        for (_, package, _) in PROGRAMS {
            command.args(["-p", package]);
        }
        process::step("building the ring-3 programs", &mut command)?;
        let programs = PROGRAMS.map(|(name, _, file)| (name, Toolchain::built(Target::User, file)));
        Ok(Self { toolchain, kernel, programs: programs.into() })
    }
}

/// Builds the small test kernels; gives the path of their one ELF file.
pub(crate) fn build_test_guests(toolchain: &Toolchain) -> Result<PathBuf, Failure> {
    let mut command = toolchain.cargo_build(Target::Kernel);
    process::step("building the test kernels", command.args(["-p", "test_guests"]))?;
    Ok(Toolchain::built(Target::Kernel, "test-guest"))
}

/// Builds the hostile ring-3 program of the tests; gives the path of its ELF file.
pub(crate) fn build_hostile_program(toolchain: &Toolchain) -> Result<PathBuf, Failure> {
    let mut command = toolchain.cargo_build(Target::User);
    process::step("building the hostile program", command.args(["-p", "test_ring3"]))?;
    Ok(Toolchain::built(Target::User, "ring3"))
}

fn build_kernel(toolchain: &Toolchain) -> Result<PathBuf, Failure> {
    let mut command = toolchain.cargo_build(Target::Kernel);
    command.args(["-p", "kernel_image"]).env("CORTEN_BUILD_ID", build_id()?);
    process::step("building the kernel", &mut command)?;
    Ok(Toolchain::built(Target::Kernel, "corten-kernel"))
}

/// Builds the UEFI loader with a bundle inside; gives the path of the program.
pub(crate) fn build_loader(toolchain: &Toolchain, bundle: &Path) -> Result<PathBuf, Failure> {
    let mut command: Command = toolchain.cargo_build(Target::Uefi);
    command.args(["-p", "loader_uefi"]).env("CORTEN_BUNDLE", bundle);
    process::step("building corten.efi", &mut command)?;
    Ok(Toolchain::built(Target::Uefi, "corten-loader.efi"))
}

/// Names a build by what went into its kernel: the same sources give the same id on any machine.
fn build_id() -> Result<String, Failure> {
    let mut checksum = Checksum::new();
    for source in KERNEL_SOURCES {
        take_in(&mut checksum, &places::root().join(source))?;
    }
    Ok(format!("{:016x}", checksum.value()))
}

fn take_in(checksum: &mut Checksum, path: &Path) -> Result<(), Failure> {
    if path.is_file() {
        checksum.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        checksum.update(&places::read(path)?);
        return Ok(());
    }
    for inner in places::list(path)? {
        take_in(checksum, &inner)?;
    }
    Ok(())
}
