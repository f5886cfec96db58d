//! `cargo xtask run`: the whole system on an emulated machine, with a shell at the end.

use std::path::{Path, PathBuf};

use test_emulator::{Boot, Machine};

use crate::build::System;
use crate::guest_files::{Linux, shell_disk};
use crate::image::{Definition, Image};
use crate::setup::Need;
use crate::{Failure, places, process, setup};

/// Boots Corten on an emulated machine and puts you at the shell of a Linux guest.
///
/// Builds everything, fetches Debian's cloud kernel as the guest unless --vms names other virtual machines, and
/// starts QEMU with the machine's serial line on this terminal. Leave the guest with `poweroff`: the machine turns itself
/// off. Ctrl-] opens Corten's monitor, where `help` lists commands and `shutdown` turns the machine off.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Firmware, or none with pvh
    #[arg(long, value_enum, default_value = "uefi")]
    boot: BootWay,
    /// Processors of the machine
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
    /// Memory of the machine in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(64..))]
    memory: u32,
    /// VM definition file; a demo guest by default
    #[arg(long, value_name = "FILE")]
    vms: Option<PathBuf>,
    /// Show the machine's screen in a window (needs a desktop and QEMU's GTK package)
    #[arg(long)]
    screen: bool,
    /// Further arguments for QEMU
    #[arg(last = true, value_name = "QEMU ARGUMENTS")]
    qemu: Vec<String>,
}

/// How the machine boots.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum BootWay {
    /// UEFI firmware starts corten.efi
    Uefi,
    /// BIOS firmware starts GRUB from corten.iso
    Bios,
    /// QEMU starts corten.elf directly
    Pvh,
}

/// The virtual machine that newcomers meet.
const DEMO: &str = r#"when_all_stopped = "poweroff"

[[vm]]
name = "demo"
vcpus = 2
memory = "256M"
kernel = "vmlinuz"
initrd = "initrd.img"
cmdline = "console=ttyS0 quiet corten.name=demo"
console = "host"
"#;

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    setup::ensure(&needs(arguments.boot))?;
    let definition = match &arguments.vms {
        Some(file) => Definition::read(file)?,
        None => demo()?,
    };
    let system = System::build()?;
    let folder = places::folder("run")?;
    let image = Image::new(&system, &definition, &folder)?;
    let machine = machine(arguments, &image)?;
    let mut command = machine.command(&folder)?;
    println!(
        "Starting the machine: {} CPUs, {} MiB. Ctrl-] opens Corten's monitor.\n",
        arguments.cpus, arguments.memory
    );
    let status = process::interactive(&mut command)?;
    println!("\nThe machine is off.");
    if status.success() { Ok(()) } else { Err(Failure::new(format!("QEMU ended with {status}"))) }
}

fn needs(boot: BootWay) -> Vec<Need> {
    let mut needs = vec![Need::Compiler, Need::Qemu, Need::Busybox];
    match boot {
        BootWay::Uefi => needs.push(Need::Firmware),
        BootWay::Bios => needs.push(Need::IsoTools),
        BootWay::Pvh => {}
    }
    needs
}

/// The demo's definition file and its guest, made in a folder below target.
fn demo() -> Result<Definition, Failure> {
    let folder = demo_folder()?;
    let file = folder.join("vms.toml");
    places::write(&file, DEMO)?;
    Definition::read(&file)
}

/// A folder with `vmlinuz` and `initrd.img`.
pub(crate) fn demo_folder() -> Result<PathBuf, Failure> {
    let folder = places::folder("demo")?;
    let linux = Linux::fetch()?;
    places::copy(&linux.kernel(), &folder.join("vmlinuz"))?;
    places::write(&folder.join("initrd.img"), shell_disk(&linux)?)?;
    Ok(folder)
}

fn machine(arguments: &Arguments, image: &Image<'_>) -> Result<Machine, Failure> {
    let boot = match arguments.boot {
        BootWay::Uefi => {
            image.make_efi()?;
            Boot::UefiProgram(image.efi())
        }
        BootWay::Bios => {
            image.make_efi()?;
            image.make_iso()?;
            Boot::BiosCd(image.iso())
        }
        BootWay::Pvh => direct(&image.elf(), &image.bundle()),
    };
    let machine = Machine::new(boot).cpus(arguments.cpus).memory_mib(arguments.memory);
    let machine = machine.extra(arguments.qemu.iter().map(String::as_str));
    Ok(if arguments.screen { machine.with_screen() } else { machine })
}

/// QEMU loads kernel and bundle itself.
pub(crate) fn direct(elf: &Path, bundle: &Path) -> Boot {
    Boot::Direct { kernel: elf.into(), initrd: Some(bundle.into()), command_line: String::new() }
}
