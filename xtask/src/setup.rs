//! Finds out what this machine lacks for a command, and installs it with apt.

use std::path::Path;
use std::process::Command;

use crate::{Failure, places, process};

/// Something that a command needs and a Debian package brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// A C compiler, which also links Rust programs for this machine.
    Compiler,
    /// The emulator of AMD machines.
    Qemu,
    /// The emulator of Intel machines, and its firmware.
    Bochs,
    /// UEFI firmware for the emulators.
    Firmware,
    /// UEFI and BIOS for virtual machines that are PCs.
    GuestFirmware,
    /// GRUB and the tools that make a CD image which BIOS and UEFI boot.
    IsoTools,
    /// A static busybox for the demo guest.
    Busybox,
    /// What installs Debian in a folder and makes a disk of that.
    DebianTools,
    /// rustfmt and clippy of the stable toolchain.
    Lints,
}

/// Which file shows that a package is there.
const FILES: [(Need, &str, &str); 18] = [
    (Need::Compiler, "/usr/bin/gcc", "gcc"),
    (Need::Compiler, "/usr/include/stdio.h", "libc6-dev"),
    (Need::Qemu, "/usr/bin/qemu-system-x86_64", "qemu-system-x86"),
    (Need::Bochs, "/usr/bin/bochs", "bochs"),
    (Need::Bochs, "/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so", "bochs-term"),
    (Need::Bochs, "/usr/share/bochs/BIOS-bochs-latest", "bochsbios"),
    (Need::Bochs, "/usr/share/vgabios/vgabios.bin", "vgabios"),
    (Need::Firmware, "/usr/share/ovmf/OVMF.fd", "ovmf"),
    (Need::Firmware, "/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf"),
    (Need::GuestFirmware, "/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf"),
    (Need::GuestFirmware, "/usr/share/seabios/bios-256k.bin", "seabios"),
    (Need::IsoTools, "/usr/bin/grub-mkimage", "grub-common"),
    (Need::IsoTools, "/usr/lib/grub/i386-pc/boot_hybrid.img", "grub-pc-bin"),
    (Need::IsoTools, "/usr/bin/xorriso", "xorriso"),
    (Need::IsoTools, "/usr/bin/mformat", "mtools"),
    (Need::Busybox, "/bin/busybox", "busybox-static"),
    (Need::DebianTools, "/usr/bin/mmdebstrap", "mmdebstrap"),
    (Need::DebianTools, "/sbin/mke2fs", "e2fsprogs"),
];

/// Makes sure that all `needs` are met.
pub(crate) fn ensure(needs: &[Need]) -> Result<(), Failure> {
    let mut missing: Vec<&str> = FILES
        .iter()
        .filter(|(need, file, _)| needs.contains(need) && !Path::new(file).exists())
        .map(|&(_, _, package)| package)
        .collect();
    missing.dedup();
    install(&missing)?;
    if needs.contains(&Need::Lints) {
        ensure_lints()?;
    }
    Ok(())
}

/// Installs Debian packages.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    if packages.is_empty() {
        return Ok(());
    }
    announce(packages);
    refresh_lists()?;
    apt_install(packages, &[])
}

/// Installs Debian packages from the security archive too, where this machine's lists of sources leave it out: some
/// packages are recent only there. The machine's own lists stay as they are.
pub(crate) fn install_newest(packages: &[&str]) -> Result<(), Failure> {
    announce(packages);
    let Some(codename) = debian_codename() else { return install(packages) };
    let folder = places::folder("setup/sources")?;
    let line = format!("deb http://deb.debian.org/debian-security {codename}-security main\n");
    places::write(&folder.join("security.list"), line)?;
    let option = format!("Dir::Etc::SourceParts={}", folder.display());
    // The machine's own parts come along, since ours take their place.
    for part in places::list(Path::new("/etc/apt/sources.list.d")).unwrap_or_default() {
        places::copy(&part, &folder.join(part.file_name().unwrap_or_default()))?;
    }
    let mut update = as_root("apt-get")?;
    process::step("apt-get update with the security archive", update.args(["update", "-o", &option]))?;
    apt_install(packages, &["-o", &option])
}

fn announce(packages: &[&str]) {
    println!("This needs Debian packages that are not installed: {}", packages.join(" "));
}

fn apt_install(packages: &[&str], options: &[&str]) -> Result<(), Failure> {
    let list = packages.join(" ");
    let mut command = as_root("apt-get")?;
    command
        .args(["install", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"])
        .args(options)
        .args(packages);
    process::step(&format!("apt-get install {list}"), &mut command).map_err(|failure| {
        Failure::new(format!("{failure}\nInstall these packages by hand and try again: {list}"))
    })
}

/// The release of Debian that this machine runs, if it is one.
fn debian_codename() -> Option<String> {
    let release = std::fs::read_to_string("/etc/os-release").ok()?;
    let value = |key: &str| release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let codename = value("VERSION_CODENAME")?.trim_matches('"');
    (value("ID")? == "debian").then(|| codename.to_string())
}

/// Fetches apt's lists of packages, once per run of this program.
pub(crate) fn refresh_lists() -> Result<(), Failure> {
    static DONE: std::sync::Once = std::sync::Once::new();
    let mut result = Ok(());
    DONE.call_once(|| {
        result =
            as_root("apt-get").and_then(|mut command| process::step("apt-get update", command.arg("update")));
    });
    result
}

/// A program that runs as root: directly, or through sudo.
pub(crate) fn as_root(program: &str) -> Result<Command, Failure> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Failure::new(
            "this machine has no apt-get; install what the line above names with your own package manager",
        ));
    }
    let is_root = process::output(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = if is_root {
        Command::new(program)
    } else if Path::new("/usr/bin/sudo").exists() {
        // The step's output goes to a log, so the password must be asked for before it starts.
        if !process::interactive(Command::new("sudo").arg("-v"))?.success() {
            return Err(Failure::new("sudo refused; run this command as root"));
        }
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", program]);
        sudo
    } else {
        return Err(Failure::new("packages must be installed: run this command as root, or install sudo"));
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

/// Makes sure that rustfmt and clippy are there; a minimal profile of rustup lacks them.
fn ensure_lints() -> Result<(), Failure> {
    for (program, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let probe = Command::new(cargo()).args([program, "--version"]).output();
        if probe.is_ok_and(|output| output.status.success()) {
            continue;
        }
        let mut command = Command::new("rustup");
        process::step(
            &format!("rustup component add {component}"),
            command.args(["component", "add", component]),
        )?;
    }
    Ok(())
}

/// The cargo that runs us.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
