//! `cargo xtask run`: the whole system on an emulated machine, with a shell at the end.

use std::path::{Path, PathBuf};

use test_emulator::{Boot, Emulator, Machine, Model};

use crate::build::System;
use crate::guest_files::{Linux, shell_disk};
use crate::image::{Definition, Image};
use crate::setup::Need;
use crate::{Failure, places, setup};

/// Boots Corten on an emulated machine and puts you at the shell of a Linux guest.
///
/// Builds everything, fetches Debian's cloud kernel as the guest unless --vms names other virtual machines, and
/// starts the machine with its serial line on this terminal: an AMD server in QEMU, or an Intel PC in Bochs. Leave the guest
/// with `poweroff`: the machine turns itself off. Ctrl-] opens Corten's monitor, where `help` lists commands and
/// `shutdown` turns the machine off.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What plays the machine: QEMU has AMD-V, Bochs has VT-x
    #[arg(long, value_enum, default_value = "qemu")]
    machine: MachineKind,
    /// Processor of the machine in Bochs: haswell, tigerlake, arrandale, or ryzen for AMD-V
    #[arg(long, value_name = "MODEL", default_value = "haswell", value_parser = parse_model)]
    model: Model,
    /// Firmware, or none with pvh; uefi by default, and bios in Bochs
    #[arg(long, value_enum)]
    boot: Option<BootWay>,
    /// Processors of the machine
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
    /// Memory of the machine in MiB; 1024 by default, and 512 in Bochs
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(64..))]
    memory: Option<u32>,
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

/// What plays the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum MachineKind {
    /// An AMD server
    Qemu,
    /// An Intel PC
    Bochs,
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

/// The virtual machine that newcomers meet, for further words of its command line.
fn demo_definition(words: &str) -> String {
    format!(
        r#"when_all_stopped = "poweroff"

[[vm]]
name = "demo"
vcpus = 2
memory = "256M"
kernel = "vmlinuz"
initrd = "initrd.img"
cmdline = "console=ttyS0 quiet corten.name=demo{words}"
console = "host"
"#
    )
}

/// What spares Linux work that takes long in Bochs: tests of its ciphers, and guards against processors that it is not.
pub(crate) const SLOW_MACHINE_WORDS: &str = " nokaslr mitigations=off cryptomgr.notests";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let arguments = Chosen::new(arguments)?;
    setup::ensure(&arguments.needs())?;
    let definition = match &arguments.given.vms {
        Some(file) => Definition::read(file)?,
        None => demo(if arguments.given.machine == MachineKind::Bochs { SLOW_MACHINE_WORDS } else { "" })?,
    };
    let system = System::build()?;
    let folder = places::folder("run")?;
    let image = Image::new(&system, &definition, &folder)?;
    let machine = arguments.machine(&image)?;
    println!(
        "Starting the machine: {} CPUs, {} MiB. Ctrl-] opens Corten's monitor.\n",
        arguments.given.cpus, arguments.memory
    );
    machine.run_on_terminal(&folder)?;
    println!("\nThe machine is off.");
    Ok(())
}

/// The arguments with what is chosen for those that were left out.
struct Chosen<'a> {
    given: &'a Arguments,
    boot: BootWay,
    memory: u32,
}

impl<'a> Chosen<'a> {
    fn new(given: &'a Arguments) -> Result<Self, Failure> {
        let (boot, memory) = match given.machine {
            MachineKind::Qemu => (BootWay::Uefi, 1024),
            MachineKind::Bochs => (BootWay::Bios, 512),
        };
        let chosen = Self { given, boot: given.boot.unwrap_or(boot), memory: given.memory.unwrap_or(memory) };
        if given.machine == MachineKind::Bochs {
            if chosen.boot == BootWay::Pvh {
                return Err(Failure::new("Bochs boots through firmware only: --boot bios or --boot uefi"));
            }
            if given.screen || !given.qemu.is_empty() {
                return Err(Failure::new("--screen and arguments for QEMU mean nothing to Bochs"));
            }
        }
        Ok(chosen)
    }

    fn needs(&self) -> Vec<Need> {
        let mut needs = vec![Need::Compiler, Need::Busybox];
        needs.push(if self.given.machine == MachineKind::Bochs { Need::Bochs } else { Need::Qemu });
        if self.boot == BootWay::Uefi {
            needs.push(Need::Firmware);
        }
        if self.boot == BootWay::Bios || self.given.machine == MachineKind::Bochs {
            needs.push(Need::IsoTools);
        }
        needs
    }

    fn machine(&self, image: &Image<'_>) -> Result<Machine, Failure> {
        let given = self.given;
        let machine = Machine::new(self.boot(image)?).cpus(given.cpus).memory_mib(self.memory);
        if given.machine == MachineKind::Bochs {
            return Ok(machine.emulator(Emulator::Bochs(given.model)));
        }
        let machine = machine.extra(given.qemu.iter().map(String::as_str));
        Ok(if given.screen { machine.with_screen() } else { machine })
    }

    fn boot(&self, image: &Image<'_>) -> Result<Boot, Failure> {
        Ok(match (self.boot, self.given.machine) {
            (BootWay::Uefi, MachineKind::Qemu) => {
                image.make_efi()?;
                Boot::UefiProgram(image.efi())
            }
            (BootWay::Uefi, MachineKind::Bochs) => {
                image.make_efi()?;
                image.make_iso()?;
                Boot::UefiCd(image.iso())
            }
            (BootWay::Bios, _) => {
                image.make_bios_iso()?;
                Boot::BiosCd(image.iso())
            }
            (BootWay::Pvh, _) => direct(&image.elf(), &image.bundle()),
        })
    }
}

fn parse_model(name: &str) -> Result<Model, String> {
    let known = || Model::ALL.map(Model::name).join(", ");
    Model::from_name(name).ok_or_else(|| format!("the models are {}", known()))
}

/// The demo's definition file and its guest, made in a folder below target.
fn demo(words: &str) -> Result<Definition, Failure> {
    let folder = demo_folder()?;
    let file = folder.join("vms.toml");
    places::write(&file, demo_definition(words))?;
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

/// QEMU loads kernel and bundle itself.
pub(crate) fn direct(elf: &Path, bundle: &Path) -> Boot {
    Boot::Direct { kernel: elf.into(), initrd: Some(bundle.into()), command_line: String::new() }
}
