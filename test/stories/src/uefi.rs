//! What UEFI does besides starting boot loaders: it keeps variables in flash memory, and starts a kernel itself.

use test_emulator::Failure;

use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};

const DEFINITION: &str = "when_all_stopped = \"wait\"\n[[vm]]\nname = \"pc\"\nmemory = \"96M\"\nfirmware = \"uefi\"\n\
                          display = \"none\"\nconsole = \"host\"\n";
/// The shell's command about a variable of nobody else's.
const VARIABLE: &str = "setvar CortenStory -guid 6c5ab0b4-5ad2-43bd-a7fb-0ad9bcf4b7b5";

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    vec![
        Story::new("uefi_variables_survive_the_end_of_their_vm", variables_survive).only_in_full_runs(),
        Story::new("uefi_starts_a_kernel_without_a_disk", kernel_starts).only_in_full_runs(),
    ]
}

/// The shell sets a variable; the VM is killed and started again; the shell finds the variable.
fn variables_survive(world: &World<'_>) -> Result<(), Failure> {
    let mut running = world.start(&world.direct(DEFINITION)?)?;
    running.wait_for("Shell> ", LIMIT)?;
    running.send(&format!("{VARIABLE} -nv -bs =C0DEC0DE\r"))?;
    running.wait_for("Shell> ", LIMIT)?;

    let mut monitor = Monitor::open(&mut running, LIMIT)?;
    monitor.command("kill pc")?;
    monitor.wait_for_state("pc", "stopped")?;
    monitor.command("start pc")?;
    monitor.wait_for_state("pc", "running")?;
    monitor.leave()?;

    running.wait_for("Shell> ", LIMIT)?;
    running.send(&format!("{VARIABLE}\r"))?;
    running.wait_for("C0 DE C0 DE", LIMIT)?;
    Ok(())
}

/// The kernel, its initial RAM disk and its command line come from the definition.
fn kernel_starts(world: &World<'_>) -> Result<(), Failure> {
    let kernel = "kernel = \"vmlinuz\"\ninitrd = \"initrd.img\"\n\
                  cmdline = \"console=ttyS0 quiet corten.do=poweroff corten.name=pc\"\n";
    let definition = DEFINITION.replace("wait", "poweroff").replace("96M", "192M") + kernel;

    let mut running = world.start(&world.direct(&definition)?)?;

    running.wait_for("CORTEN-GUEST up cpus=1", LIMIT)?;
    running.wait_for("CORTEN-GUEST powering off", LIMIT)?;
    running.wait_until_off(LIMIT)?;
    Ok(())
}
