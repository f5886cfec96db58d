//! The lives of several virtual machines side by side.

use test_emulator::{Failure, Running};

use crate::story::{LIMIT, Story, World};
use crate::vms::{Linux, staying_on, until_all_stopped};

/// Ctrl-]: opens the monitor on the serial line.
const ESCAPE: &str = "\x1d";
/// Idle guests that a machine of 1 GiB must hold.
const IDLE_VMS: u32 = 50;

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    vec![
        Story::new("four_vms_run_at_once", four_at_once),
        Story::new("fifty_idle_vms_fit_on_1_gib", fifty_idle),
        Story::new("a_vmm_that_panics_takes_no_other_vm_along", vmm_panics),
        Story::new("a_vm_is_restarted_as_its_policy_says", restart_policies),
        Story::new("a_guests_reboot_restarts_the_guest_alone", guest_reboots),
        Story::new("the_monitor_turns_the_machine_off", monitor_shutdown),
    ]
}

fn four_at_once(world: &World<'_>) -> Result<(), Failure> {
    let first = Linux::new("vm0", "poweroff").on_host_console();
    let others = (1..4).map(|number| Linux::new(&format!("vm{number}"), "poweroff"));
    let guests: Vec<_> = std::iter::once(first).chain(others).collect();

    let mut running = world.start(&world.direct(&until_all_stopped(&guests))?)?;

    running.wait_for("CORTEN-GUEST powering off", LIMIT)?;
    running.wait_until_off_cleanly(LIMIT)?;
    Ok(())
}

fn fifty_idle(world: &World<'_>) -> Result<(), Failure> {
    let guests: String = (0..IDLE_VMS)
        .map(|number| {
            format!("[[vm]]\nname = \"idle{number}\"\nvcpus = 1\nmemory = \"16M\"\nkernel = \"idle.elf\"\n")
        })
        .collect();

    let mut running = world.start(&world.direct(&guests)?.memory_mib(1024))?;

    for number in 0..IDLE_VMS {
        expect_console(&mut running, &format!("idle{number}"), "IDLE_UP")?;
    }
    Ok(())
}

fn vmm_panics(world: &World<'_>) -> Result<(), Failure> {
    let guests = [Linux::new("witness", "tick").on_host_console(), Linux::new("victim", "idle")];

    let mut running = world.start(&world.direct(&staying_on(&guests))?)?;

    running.wait_for("CORTEN-GUEST tick 2\r", LIMIT)?;
    monitor(&mut running, "panic victim")?;
    expect_state(&mut running, "victim", "failed")?;
    leave_monitor(&mut running)?;
    running.wait_for("CORTEN-GUEST tick ", LIMIT)?;
    running.wait_for("CORTEN-GUEST tick ", LIMIT)?;
    Ok(())
}

fn restart_policies(world: &World<'_>) -> Result<(), Failure> {
    let guests = [
        Linux::new("never", "poweroff"),
        Linux::new("always", "poweroff").on_host_console().with("restart = \"always\""),
    ];

    let mut running = world.start(&world.direct(&staying_on(&guests))?)?;

    running.wait_for("CORTEN-GUEST powering off", LIMIT)?;
    running.wait_for("CORTEN-GUEST powering off", LIMIT)?;
    expect_state(&mut running, "never", "stopped")
}

fn guest_reboots(world: &World<'_>) -> Result<(), Failure> {
    let guest = Linux::new("linux", "reboot").on_host_console();

    let mut running = world.start(&world.direct(&staying_on(&[guest]))?)?;

    running.wait_for("CORTEN-GUEST rebooting", LIMIT)?;
    running.wait_for("CORTEN-GUEST up", LIMIT)?;
    Ok(())
}

fn monitor_shutdown(world: &World<'_>) -> Result<(), Failure> {
    let guest = Linux::new("linux", "idle").on_host_console();

    let mut running = world.start(&world.direct(&staying_on(&[guest]))?)?;

    running.wait_for("CORTEN-GUEST idle", LIMIT)?;
    monitor(&mut running, "shutdown")?;
    running.wait_until_off_cleanly(LIMIT)?;
    Ok(())
}

/// Opens the monitor and types a line.
fn monitor(running: &mut Running, line: &str) -> Result<(), Failure> {
    running.send(ESCAPE)?;
    running.wait_for("corten>", LIMIT)?;
    running.send(&format!("{line}\r"))
}

fn leave_monitor(running: &mut Running) -> Result<(), Failure> {
    running.send(ESCAPE)
}

/// Asks the monitor for the virtual machines until one of them is in this state.
fn expect_state(running: &mut Running, name: &str, state: &str) -> Result<(), Failure> {
    monitor(running, "vms")?;
    let line = running.wait_for_value(name, LIMIT)?;
    if line.contains(state) {
        Ok(())
    } else {
        Err(Failure::Wrong(format!("{name} is not {state} but: {line}")))
    }
}

/// Opens the console of a guest and waits for a text that it has printed.
fn expect_console(running: &mut Running, name: &str, text: &str) -> Result<(), Failure> {
    monitor(running, &format!("console {name}"))?;
    running.wait_for(text, LIMIT)?;
    Ok(())
}
