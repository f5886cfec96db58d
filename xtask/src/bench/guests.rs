//! The neutral benchmark guests of `test/bench`, built with gcc alone.

use std::path::Path;
use std::process::Command;

use crate::guest_files::{Archive, Linux, add_busybox};
use crate::{Failure, places, process};

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

fn gcc(options: &[&str], source: &Path, target: &Path) -> Result<(), Failure> {
    process::output(Command::new("gcc").args(options).arg(source).arg("-o").arg(target))?;
    Ok(())
}
