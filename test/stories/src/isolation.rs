//! Virtual machines that must not notice each other, whatever one of them does.

use test_emulator::Failure;

use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};

/// What a VM does that looks for changes of its memory.
const WITNESS: &str = "memory-keeps-its-pattern";

/// What a VM does that abuses all it is given, claim after claim.
const ABUSE: [&str; 13] = [
    "descriptors-that-loop-are-survived",
    "descriptors-outside-of-memory-are-survived",
    "lengths-of-nothing-and-everything-are-survived",
    "indices-out-of-range-are-survived",
    "tables-of-descriptor-tables-are-survived",
    "rings-outside-of-memory-are-survived",
    "storms-of-notifications-are-survived",
    "games-with-a-device-s-status-are-survived",
    "garbage-in-rings-and-registers-is-survived",
    "beyond-memory-there-is-nothing",
    "a-storm-of-msrs-is-survived",
    "a-storm-of-port-accesses-is-survived",
    "a-storm-of-device-memory-accesses-is-survived",
];

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    vec![
        Story::new("two_vms_do_not_see_each_other_s_memory", two_patterns),
        Story::new("a_vm_that_abuses_its_devices_disturbs_no_other", abuse),
    ]
}

/// A VM with a test kernel.
pub(crate) fn claimant(name: &str, arguments: &str) -> String {
    format!(
        "[[vm]]\nname = \"{name}\"\nvcpus = 1\nmemory = \"64M\"\nkernel = \"test-guest.elf\"\n\
         cmdline = \"{arguments}\"\ndisks = [ {{ file = \"disk.img\" }} ]\n"
    )
}

fn two_patterns(world: &World<'_>) -> Result<(), Failure> {
    let vm = |seed: u32| claimant(&format!("vm{seed}"), &format!("claim={WITNESS} seed={seed} rounds=60"));
    let mut running = world.start(&world.direct(&format!("{}{}", vm(1), vm(2)))?)?;

    let mut monitor = Monitor::wait(&mut running, LIMIT)?;

    for name in ["vm1", "vm2"] {
        monitor.wait_for_console(name, &format!("CLAIM {WITNESS} holds"))?;
    }
    Ok(())
}

fn abuse(world: &World<'_>) -> Result<(), Failure> {
    let abuser = claimant("abuser", &format!("claim={}", ABUSE.join(",")));
    let witness = claimant("witness", &format!("claim={WITNESS} rounds=400"));
    let machine = world.direct(&format!("{abuser}{witness}"))?.fatal(" fails: ");
    let mut running = world.start(&machine)?;

    let mut monitor = Monitor::wait(&mut running, LIMIT)?;

    monitor.wait_for_all_on_console("abuser", &ABUSE.map(|claim| format!("CLAIM {claim} holds")))?;
    monitor.wait_for_console("witness", &format!("CLAIM {WITNESS} holds"))
}
