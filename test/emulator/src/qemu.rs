//! A machine in the words of QEMU's command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::{Boot, Clock, Machine};
use crate::process::guarded;
use crate::{Failure, qmp};

/// Where distributions keep OVMF: code and variables.
const FIRMWARE_PLACES: [(&str, &str); 3] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
];

/// The UEFI firmware of this host: code and variables.
pub fn firmware_files() -> Option<(&'static Path, &'static Path)> {
    let places = FIRMWARE_PLACES.iter().map(|(code, variables)| (Path::new(*code), Path::new(*variables)));
    places.into_iter().find(|(code, variables)| code.exists() && variables.exists())
}

impl Machine {
    /// QEMU's command line for this machine, with its serial line on standard input and output.
    /// `folder` takes files that the machine needs while it runs.
    pub(crate) fn qemu_command(&self, folder: &Path) -> Result<Command, Failure> {
        let mut command = guarded("qemu-system-x86_64", None);
        command.args(["-M", "q35", "-nodefaults", "-no-user-config"]);
        command.args(["-cpu", &self.processor]);
        command.args(["-smp", &self.cpus.to_string(), "-m", &format!("{}M", self.memory_mib)]);
        match self.clock {
            Clock::Host if self.is_parallel => command.args(["-accel", "tcg,thread=multi"]),
            Clock::Host => command.args(["-accel", "tcg,thread=single"]),
            Clock::Instructions => command
                .args(["-accel", "tcg", "-icount", "shift=0,sleep=off", "-seed", "1"])
                .args(["-rtc", "base=2026-01-01,clock=vm"]),
        };
        command.args(["-vga", "std"]);
        if !self.has_screen {
            command.args(["-display", "none"]);
        }
        if self.stops_at_reset {
            command.arg("-no-reboot");
        }
        command.args(["-chardev", "stdio,id=line,signal=off", "-serial", "chardev:line"]);
        self.add_boot(&mut command, folder)?;
        command.args(&self.extra);
        Ok(command)
    }

    fn add_boot(&self, command: &mut Command, folder: &Path) -> Result<(), Failure> {
        match &self.boot {
            Boot::UefiProgram(program) => {
                add_firmware(command)?;
                let disk = make_boot_folder(program, folder)?;
                command.args([
                    "-drive",
                    &format!("if=none,id=boot,readonly=on,format=raw,file=fat:{}", disk.display()),
                ]);
                command.args(["-device", "virtio-blk-pci,drive=boot"]);
            }
            Boot::UefiCd(image) => {
                add_firmware(command)?;
                add_cd(command, image);
            }
            Boot::BiosCd(image) => add_cd(command, image),
            Boot::UefiUsb(image) => {
                add_firmware(command)?;
                add_usb(command, image);
            }
            Boot::BiosUsb(image) => add_usb(command, image),
            Boot::Disk { by_uefi: true } => add_firmware(command)?,
            Boot::Disk { by_uefi: false } => {}
            Boot::Direct { kernel, initrd, command_line } => {
                command.arg("-kernel").arg(kernel);
                if let Some(initrd) = initrd {
                    command.arg("-initrd").arg(initrd);
                }
                if !command_line.is_empty() {
                    command.args(["-append", command_line]);
                }
            }
        }
        Ok(())
    }

    /// Adds the control socket that [`crate::Running::screenshot`] and the like use.
    pub(crate) fn add_control(&self, command: &mut Command, socket: &Path) {
        command.args(["-qmp", &qmp::argument(socket)]);
    }
}

fn add_firmware(command: &mut Command) -> Result<(), Failure> {
    let Some((code, variables)) = firmware_files() else {
        return Err(Failure::Host(
            "no UEFI firmware for QEMU is installed (Debian: apt-get install ovmf)".into(),
        ));
    };
    command.args(["-drive", &format!("if=pflash,format=raw,readonly=on,file={}", code.display())]);
    command.args(["-drive", &format!("if=pflash,format=raw,snapshot=on,file={}", variables.display())]);
    Ok(())
}

fn add_cd(command: &mut Command, image: &Path) {
    command.args([
        "-drive",
        &format!("if=none,id=cd,media=cdrom,readonly=on,format=raw,file={}", image.display()),
    ]);
    command.args(["-device", "ide-cd,drive=cd,bus=ide.0,bootindex=0"]);
}

fn add_usb(command: &mut Command, image: &Path) {
    command.args(["-drive", &format!("if=none,id=stick,snapshot=on,format=raw,file={}", image.display())]);
    command.args(["-device", "qemu-xhci,id=usb", "-device", "usb-storage,drive=stick,bus=usb.0,bootindex=0"]);
}

/// A folder that looks like the EFI system partition with the program where firmware looks for it.
fn make_boot_folder(program: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let disk = folder.join("esp");
    let boot = disk.join("EFI/BOOT");
    let target = boot.join("BOOTX64.EFI");
    let refused =
        |error: std::io::Error| Failure::Host(format!("cannot prepare {}: {error}", target.display()));
    std::fs::create_dir_all(&boot).map_err(refused)?;
    if target.exists() {
        std::fs::remove_file(&target).map_err(refused)?;
    }
    // A link costs nothing; a copy works where links do not.
    if std::fs::hard_link(program, &target).is_err() {
        std::fs::copy(program, &target).map_err(refused)?;
    }
    Ok(disk)
}
