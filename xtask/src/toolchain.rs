//! Which compiler builds for the bare targets.
//!
//! The kernel, the loader and the ring-3 programs are built for machines without an operating system, together
//! with the standard library's `core` and `alloc`. That takes a compiler and the sources of its
//! library, which come from rustup (component `rust-src`) where its servers can be reached, and from Debian's
//! packages `rustc-web` and `rust-web-src` elsewhere. This is the only place that knows which it is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Failure, places, process, setup};

/// How long rustup may take to fetch the sources.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);
/// Debian's compiler.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// The first release whose compiler takes this workspace (`rust-version` of the crates that we use).
const DEBIAN_MINOR_MIN: u32 = 95;

/// What an artefact is built for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// Ring 0.
    Kernel,
    /// UEFI programs.
    Uefi,
    /// Ring 3.
    User,
}

impl Target {
    /// The folder that cargo names after the target.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Target::Kernel => "x86_64-unknown-none",
            Target::Uefi => "x86_64-unknown-uefi",
            Target::User => "x86_64-corten",
        }
    }

    fn linker_variable(self) -> String {
        format!("CARGO_TARGET_{}_LINKER", self.name().to_uppercase().replace('-', "_"))
    }
}

/// A compiler that builds for the bare targets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Toolchain {
    rustc: PathBuf,
    linker: PathBuf,
}

impl Toolchain {
    /// Finds the compiler that was chosen before, or chooses one and makes it work.
    pub(crate) fn find() -> Result<Self, Failure> {
        let memory = places::folder("setup")?.join("toolchain.txt");
        if let Some(toolchain) = remembered(&memory) {
            return Ok(toolchain);
        }
        let toolchain = choose()?;
        let lines = format!("{}\n{}\n", toolchain.rustc.display(), toolchain.linker.display());
        places::write(&memory, lines)?;
        Ok(toolchain)
    }

    /// A `cargo build` for a target; artefacts go below `target/bare`.
    pub(crate) fn cargo_build(&self, target: Target) -> Command {
        let mut command = Command::new(setup::cargo());
        command.current_dir(places::root());
        command.env("RUSTC", &self.rustc).env("RUSTC_BOOTSTRAP", "1");
        command.env(target.linker_variable(), &self.linker);
        // What the cargo that runs us has set for us is not meant for another compiler.
        command.env_remove("LD_LIBRARY_PATH").env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.args(["build", "--release", "--target-dir"]).arg(bare_folder());
        command.arg("-Zbuild-std=core,alloc");
        match target {
            // A panic in ring 0 finds its callers by the frame pointers.
            Target::Kernel => command
                .env("CARGO_TARGET_X86_64_UNKNOWN_NONE_RUSTFLAGS", "-Cforce-frame-pointers=yes")
                .args(["--target", target.name()]),
            Target::Uefi => command.args(["--target", target.name()]),
            Target::User => command
                .args(["-Zjson-target-spec", "-Zbuild-std-features=compiler-builtins-mem", "--target"])
                .arg(places::root().join("user/x86_64-corten.json")),
        };
        command
    }

    /// Where [`Toolchain::cargo_build`] leaves a program.
    pub(crate) fn built(target: Target, program: &str) -> PathBuf {
        bare_folder().join(target.name()).join("release").join(program)
    }
}

fn bare_folder() -> PathBuf {
    places::target().join("bare")
}

fn remembered(memory: &Path) -> Option<Toolchain> {
    let text = std::fs::read_to_string(memory).ok()?;
    let mut lines = text.lines().map(PathBuf::from);
    let toolchain = Toolchain { rustc: lines.next()?, linker: lines.next()? };
    (has_sources(&toolchain.rustc) && toolchain.linker.exists()).then_some(toolchain)
}

fn choose() -> Result<Toolchain, Failure> {
    setup::ensure(&[setup::Need::Compiler])?;
    let stable = stable_rustc()?;
    if !has_sources(&stable) {
        fetch_sources();
    }
    let linker = rust_lld(&stable)?;
    if has_sources(&stable) {
        println!("Building for the bare targets with the toolchain of rustup ({}).", stable.display());
        return Ok(Toolchain { rustc: stable, linker });
    }
    let debian = PathBuf::from(DEBIAN_RUSTC);
    if !has_sources(&debian) {
        println!("rustup cannot fetch the library's sources, so Debian's compiler is taken.");
        setup::install_newest(&["rustc-web", "rust-web-src"])?;
    }
    check_debian(&debian)?;
    println!("Building for the bare targets with Debian's compiler ({}).", debian.display());
    Ok(Toolchain { rustc: debian, linker })
}

/// The compiler that cargo uses for this machine; the file itself, not rustup's proxy.
fn stable_rustc() -> Result<PathBuf, Failure> {
    let sysroot = sysroot(Path::new("rustc"))?;
    Ok(sysroot.join("bin/rustc"))
}

fn sysroot(rustc: &Path) -> Result<PathBuf, Failure> {
    let printed = process::output(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(printed.trim()))
}

/// Whether the sources of the compiler's library are there.
fn has_sources(rustc: &Path) -> bool {
    let has_them = |sysroot: PathBuf| sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").exists();
    rustc.exists() && sysroot(rustc).is_ok_and(has_them)
}

fn fetch_sources() {
    let mut command = Command::new("rustup");
    command.args(["component", "add", "rust-src"]);
    if let Err(failure) = process::step_within("rustup component add rust-src", &mut command, RUSTUP_LIMIT) {
        let words = failure.to_string();
        println!("  rustup has no sources for us: {}", words.lines().last().unwrap_or("no reason given"));
    }
}

/// The linker of the stable toolchain, or that of Debian.
fn rust_lld(stable: &Path) -> Result<PathBuf, Failure> {
    let own = sysroot(stable)?.join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld");
    if own.exists() {
        return Ok(own);
    }
    setup::install(&["lld"])?;
    Ok(PathBuf::from("/usr/bin/lld"))
}

/// Checks that Debian's compiler is recent enough: the one of a release without security updates is not.
fn check_debian(rustc: &Path) -> Result<(), Failure> {
    if !has_sources(rustc) {
        return Err(Failure::new("the package rust-web-src has not brought the library's sources"));
    }
    let version = process::output(Command::new(rustc).arg("--version"))?;
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_some_and(|minor| minor >= DEBIAN_MINOR_MIN) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "Debian's compiler is too old ({}), 1.{DEBIAN_MINOR_MIN} is needed; the package rustc-web of Debian's \
         security archive is recent enough",
        version.trim()
    )))
}
