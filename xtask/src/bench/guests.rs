//! The neutral benchmark guests of `test/bench`, built with gcc alone.

use std::path::Path;
use std::process::Command;

use crate::guest_files::{Archive, GrubDisk, Linux, add_busybox};
use crate::{Failure, fat::Fat, places, process};

/// What makes gcc build a kernel.
const FREESTANDING: [&str; 11] = [
    "-O2",
    "-ffreestanding",
    "-fno-pic",
    "-fno-pie",
    "-mno-red-zone",
    "-mgeneral-regs-only",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-mcmodel=small",
    "-w",
    "-c",
];
/// Commands of busybox that the script `init.l2` uses.
const APPLETS: [&str; 16] = [
    "sh",
    "mount",
    "cut",
    "cat",
    "insmod",
    "sleep",
    "ifconfig",
    "grep",
    "sort",
    "head",
    "free",
    "switch_root",
    "poweroff",
    "echo",
    "ls",
    "dmesg",
];

/// QEMU's plugin that counts.
pub(super) const PLUGIN: &str = "count.so";
/// Bytes of the disk with the idle boot sector.
const IDLE_DISK_BYTES: usize = 1 << 20;
/// Bytes of the disk with an empty file system.
const DATA_DISK_BYTES: usize = 4 << 20;
/// What GRUB does on the disk of a PC: its first words end the measurement.
const GRUB_COMMANDS: &str = "\
serial --unit=0 --speed=115200
terminal_output serial console
echo GRUB-IS-UP
halt
";
const GRUB_MODULES: [&str; 2] = ["echo", "halt"];

/// Builds `mb.elf` and `idle.elf` into a folder.
pub(crate) fn build_guests(folder: &Path) -> Result<(), Failure> {
    let sources = places::root().join("test/bench");
    let boot = folder.join("mbboot.o");
    gcc(&["-c"], &sources.join("mbboot.S"), &boot)?;
    for (name, definitions) in [("mb", &[][..]), ("idle", &["-DIDLE"][..])] {
        let object = folder.join(format!("{name}.o"));
        gcc(&[&FREESTANDING, definitions].concat(), &sources.join("mb.c"), &object)?;
        let mut linker = Command::new("ld");
        linker.args(["-nostdlib", "-static", "-z", "max-page-size=4096", "--build-id=none", "-T"]);
        linker
            .arg(sources.join("pvh.lds"))
            .arg("-o")
            .arg(folder.join(format!("{name}.elf")))
            .args([&boot, &object]);
        process::output(&mut linker)?;
    }
    Ok(())
}

/// Builds the RAM disk whose script runs the benchmarks that the kernel's argument `t=` names.
pub(super) fn build_ram_disk(folder: &Path) -> Result<(), Failure> {
    let sources = places::root().join("test/bench");
    let linux = Linux::fetch()?;
    let mut archive = Archive::default();
    add_busybox(&mut archive, &linux)?;
    for applet in APPLETS {
        archive.link(&format!("bin/{applet}"), "busybox");
    }
    for folder in ["p", "s", "d", "mnt"] {
        archive.folder(folder);
    }
    for program in ["tsc", "l2bench"] {
        let built = folder.join(program);
        gcc(&["-O2", "-static", "-pthread", "-w"], &sources.join(format!("{program}.c")), &built)?;
        archive.program(&format!("bin/{program}"), &places::read(&built)?);
    }
    archive.program("init", &places::read(&sources.join("init.l2"))?);
    places::write(&folder.join("bench.img"), archive.finish())?;
    places::copy(&linux.kernel(), &folder.join("vmlinuz"))
}

/// Builds the disks of PCs, and the plugin with which QEMU counts.
pub(super) fn build_pc_disks(folder: &Path) -> Result<(), Failure> {
    let sources = places::root().join("test/bench");
    gcc(&["-O2", "-shared", "-fPIC", "-w"], &sources.join("count.c"), &folder.join(PLUGIN))?;
    let object = folder.join("idlepc.o");
    gcc(&["-m32", "-c"], &sources.join("idlepc.S"), &object)?;
    let sector = folder.join("idlepc.img");
    let mut linker = Command::new("ld");
    linker.args(["-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-e", "start", "-o"]);
    process::output(linker.arg(&sector).arg(&object))?;
    let mut disk = places::read(&sector)?;
    disk.resize(IDLE_DISK_BYTES, 0);
    places::write(&sector, disk)?;
    let disk = GrubDisk {
        label: "GRUB",
        commands: GRUB_COMMANDS,
        modules: &GRUB_MODULES,
        file_bytes: 0,
        linux_bytes: 0,
    };
    disk.make(&folder.join("grub.img"), folder)?;
    let data = folder.join("data.img");
    places::write(&data, vec![0; DATA_DISK_BYTES])?;
    Fat::make(&data, 0, DATA_DISK_BYTES as u64, "c0de0003", "DATA").map(drop)
}

fn gcc(options: &[&str], source: &Path, target: &Path) -> Result<(), Failure> {
    process::output(Command::new("gcc").args(options).arg(source).arg("-o").arg(target))?;
    Ok(())
}
