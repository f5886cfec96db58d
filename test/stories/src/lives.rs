//! The lives of several virtual machines side by side.

use test_emulator::Failure;

use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};
use crate::vms::{Linux, staying_on, until_all_stopped};

/// Idle guests that a machine of 1 GiB must hold.
const IDLE_VMS: u32 = 50;

/// CPU time after which two VMs are compared.
const PINNED_SECONDS: f64 = 4.0;

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    vec![
        Story::new("four_vms_run_at_once", four_at_once),
        Story::new("fifty_idle_vms_fit_on_1_gib", fifty_idle),
        Story::new("a_vmm_that_panics_takes_no_other_vm_along", vmm_panics),
        Story::new("a_vm_is_restarted_as_its_policy_says", restart_policies),
        Story::new("a_guests_reboot_restarts_the_guest_alone", guest_reboots),
        Story::new("the_monitor_turns_the_machine_off", monitor_shutdown),
        Story::new("vcpus_stay_on_their_processors", affinity),
        Story::new("a_balloon_takes_memory_of_linux_and_gives_it_back", balloon),
        Story::new("stop_presses_the_power_button_and_linux_shuts_down", stop_by_button),
    ]
}

/// On three processors that really run at the same time.
fn four_at_once(world: &World<'_>) -> Result<(), Failure> {
    let linux = |number: u32| Linux::new(&format!("vm{number}"), "poweroff").with("cpus = [1, 2, 3]");
    let guests = [linux(0).on_host_console(), linux(1), linux(2), linux(3)];

    let mut running = world.start(&world.direct(&until_all_stopped(&guests))?.cpus(4).in_parallel())?;

    running.wait_for("CORTEN-GUEST powering off", LIMIT)?;
    running.wait_until_off(LIMIT)?;
    Ok(())
}

fn fifty_idle(world: &World<'_>) -> Result<(), Failure> {
    let guests: String = (0..IDLE_VMS)
        .map(|number| {
            format!("[[vm]]\nname = \"idle{number}\"\nvcpus = 1\nmemory = \"16M\"\nkernel = \"idle.elf\"\n")
        })
        .collect();

    let mut running = world.start(&world.direct(&guests)?.memory_mib(1024))?;

    let mut monitor = Monitor::wait(&mut running, LIMIT)?;
    for number in 0..IDLE_VMS {
        monitor.wait_for_console(&format!("idle{number}"), "IDLE_UP")?;
    }
    Ok(())
}

fn vmm_panics(world: &World<'_>) -> Result<(), Failure> {
    let guests = [Linux::new("witness", "tick").on_host_console(), Linux::new("victim", "idle")];

    let mut running = world.start(&world.direct(&staying_on(&guests))?)?;

    running.wait_for("CORTEN-GUEST tick 2\r", LIMIT)?;
    let mut monitor = Monitor::open(&mut running, LIMIT)?;
    monitor.command("panic victim")?;
    monitor.wait_for_state("victim", "failed")?;
    monitor.wait_for_state("witness", "running")?;
    monitor.leave()?;
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
    Monitor::open(&mut running, LIMIT)?.wait_for_state("never", "stopped")
}

fn guest_reboots(world: &World<'_>) -> Result<(), Failure> {
    let guest = Linux::new("linux", "reboot").on_host_console();

    let mut running = world.start(&world.direct(&staying_on(&[guest]))?)?;

    running.wait_for("CORTEN-GUEST rebooting", LIMIT)?;
    running.wait_for("CORTEN-GUEST up", LIMIT)?;
    Ok(())
}

/// The VM has 128 MiB, of which Linux touches most when it starts, and gives 64 up.
fn balloon(world: &World<'_>) -> Result<(), Failure> {
    let guest = Linux::new("linux", "tick").on_host_console();

    let mut running = world.start(&world.direct(&staying_on(&[guest]))?)?;

    running.wait_for("CORTEN-GUEST tick 2\r", LIMIT)?;
    let mut monitor = Monitor::open(&mut running, LIMIT)?;
    monitor.wait_for_memory("linux", |mib| mib > 75.0)?;
    monitor.command("balloon linux 64")?;
    monitor.wait_for_memory("linux", |mib| mib < 75.0)?;
    monitor.command("balloon linux 0")?;
    monitor.leave()?;
    running.wait_for("CORTEN-GUEST tick ", LIMIT)?;
    running.wait_for("CORTEN-GUEST tick ", LIMIT)?;
    Monitor::open(&mut running, LIMIT)?.wait_for_state("linux", "running")
}

fn stop_by_button(world: &World<'_>) -> Result<(), Failure> {
    let guests = [Linux::new("linux", "idle").on_host_console(), Linux::new("other", "idle")];

    let mut running = world.start(&world.direct(&staying_on(&guests))?)?;

    running.wait_for("CORTEN-GUEST idle", LIMIT)?;
    let mut monitor = Monitor::open(&mut running, LIMIT)?;
    monitor.command("stop linux")?;
    monitor.wait_for_console("linux", "CORTEN-GUEST powering off by the power button")?;
    monitor.wait_for_state("linux", "stopped")?;
    monitor.wait_for_state("other", "running")
}

fn monitor_shutdown(world: &World<'_>) -> Result<(), Failure> {
    let guest = Linux::new("linux", "idle").on_host_console();

    let mut running = world.start(&world.direct(&staying_on(&[guest]))?)?;

    running.wait_for("CORTEN-GUEST idle", LIMIT)?;
    Monitor::open(&mut running, LIMIT)?.command("shutdown")?;
    running.wait_until_off(LIMIT)?;
    Ok(())
}

/// The first VM has twice as many busy vCPUs as the second, but one processor as well. If they leave it, they take more.
/// (Each has two at least, so that they take turns: time is counted then.)
fn affinity(world: &World<'_>) -> Result<(), Failure> {
    let vm = |name: &str, vcpus: u32, cpu: u32| {
        format!(
            "[[vm]]\nname = \"{name}\"\nvcpus = {vcpus}\nmemory = \"64M\"\nkernel = \"test-guest.elf\"\n\
             cmdline = \"claim=fresh-memory-is-zero then=spin others={}\"\ncpus = [{cpu}]\n",
            vcpus - 1
        )
    };
    let definition = format!("{}{}", vm("four", 4, 1), vm("two", 2, 2));
    let mut running = world.start(&world.direct(&definition)?.cpus(4))?;

    let mut monitor = Monitor::wait(&mut running, LIMIT)?;
    for name in ["four", "two"] {
        monitor.wait_for_console(name, "CLAIM fresh-memory-is-zero holds")?;
    }
    monitor.wait_for_cpu_time("two", PINNED_SECONDS)?;
    let (four, two) = (monitor.cpu_seconds("four")?, monitor.cpu_seconds("two")?);
    if four > two * 1.5 {
        return Err(Failure::Wrong(format!("four vCPUs on one processor took {four} s, two took {two} s")));
    }
    Ok(())
}
