//! An unmodified Linux boots, however Corten was booted and however many processors there are.

use test_emulator::{Boot, Failure, Machine, Model};

use crate::story::{LIMIT, Story, World};
use crate::vms::{Linux, slow_linux, until_all_stopped};

/// How Corten itself is booted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Uefi,
    Bios,
    Pvh,
}

/// vCPUs and CPUs of the combinations that are always tried with each way; a full run tries all.
const ALWAYS: [(Way, u32, u32); 5] =
    [(Way::Uefi, 4, 2), (Way::Uefi, 1, 4), (Way::Bios, 2, 4), (Way::Pvh, 4, 4), (Way::Pvh, 1, 2)];

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    let mut stories = Vec::new();
    for way in [Way::Uefi, Way::Bios, Way::Pvh] {
        for vcpus in [1, 2, 4] {
            for cpus in [2, 4] {
                let name =
                    format!("linux_boots_under_{way:?}_with_{vcpus}_vcpus_on_{cpus}_cpus").to_lowercase();
                let story = Story::new(&name, move |world| boots(world, way, vcpus, cpus));
                let is_always = ALWAYS.contains(&(way, vcpus, cpus));
                stories.push(if is_always { story } else { story.only_in_full_runs() });
            }
        }
    }
    stories
        .push(Story::new("the_iso_boots_from_a_usb_stick_under_bios", |world| stick(world, Boot::BiosUsb)));
    stories
        .push(Story::new("the_iso_boots_from_a_usb_stick_under_uefi", |world| stick(world, Boot::UefiUsb)));
    stories.push(
        Story::new("the_iso_boots_from_a_cd_under_uefi", |world| stick(world, Boot::UefiCd))
            .only_in_full_runs(),
    );
    stories.push(Story::new("linux_uses_the_paravirtual_clock_and_its_disk", clock_and_disk));
    stories.extend(bochs_stories());
    stories.push(Story::new("a_guest_larger_than_4_gib_boots", large_guest).only_in_full_runs());
    stories
}

/// Linux on the processors that Bochs has.
fn bochs_stories() -> Vec<Story> {
    let mut stories = Vec::new();
    for model in Model::ALL {
        for vcpus in [1, 2] {
            let name = format!("linux_boots_on_{}_with_{vcpus}_vcpus", model.name());
            let story = Story::new(&name, move |world| boots_in_bochs(world, model, vcpus));
            let is_always = model == Model::Haswell;
            stories.push(if is_always { story } else { story.only_in_full_runs() });
        }
    }
    stories.push(Story::new("linux_boots_under_uefi_on_haswell", |world| {
        let guest = slow_linux("poweroff");
        expect_linux(world, &world.bochs_uefi(&until_all_stopped(&[guest]), Model::Haswell)?, 1)
    }));
    stories
}

fn boots_in_bochs(world: &World<'_>, model: Model, vcpus: u32) -> Result<(), Failure> {
    expect_linux(
        world,
        &world.bochs(&until_all_stopped(&[slow_linux("poweroff").vcpus(vcpus)]), model)?,
        vcpus,
    )
}

fn boots(world: &World<'_>, way: Way, vcpus: u32, cpus: u32) -> Result<(), Failure> {
    let guest = Linux::new("linux", "poweroff").vcpus(vcpus).memory_mib(256).on_host_console();
    let definition = until_all_stopped(&[guest]);
    let machine = match way {
        Way::Uefi => world.uefi(&definition)?,
        Way::Bios => world.machine(Boot::BiosCd(world.iso(&definition)?)),
        Way::Pvh => world.direct(&definition)?,
    };
    expect_linux(world, &machine.cpus(cpus), vcpus)
}

/// Waits for a guest with so many vCPUs to come up, and for both machines to turn themselves off.
fn expect_linux(world: &World<'_>, machine: &Machine, vcpus: u32) -> Result<(), Failure> {
    let mut running = world.start(machine)?;
    running.wait_for(&format!("CORTEN-GUEST up cpus={vcpus} "), LIMIT)?;
    running.wait_for("CORTEN-GUEST powering off", LIMIT)?;
    running.wait_until_off(LIMIT)?;
    Ok(())
}

fn stick(world: &World<'_>, boot: fn(std::path::PathBuf) -> Boot) -> Result<(), Failure> {
    let guest = Linux::new("linux", "poweroff").on_host_console();
    let iso = world.iso(&until_all_stopped(&[guest]))?;
    expect_linux(world, &world.machine(boot(iso)), 1)
}

fn clock_and_disk(world: &World<'_>) -> Result<(), Failure> {
    let guest = Linux::new("linux", "clock,disk,poweroff")
        .on_host_console()
        .with("disks = [ { file = \"disk.img\" } ]");
    let machine = world.direct(&until_all_stopped(&[guest]))?;

    let mut running = world.start(&machine)?;

    running.wait_for("CORTEN-GUEST clock=kvm-clock", LIMIT)?;
    running.wait_for("CORTEN-GUEST disk bytes=1048576 head=CORTEN TEST DISK", LIMIT)?;
    running.wait_for("CORTEN-GUEST disk read back: written by the guest", LIMIT)?;
    running.wait_until_off(LIMIT)?;
    Ok(())
}

fn large_guest(world: &World<'_>) -> Result<(), Failure> {
    let guest = Linux::new("large", "poweroff").memory_mib(5 << 10).on_host_console();
    let machine = world.direct(&until_all_stopped(&[guest]))?.memory_mib(6 << 10);

    let mut running = world.start(&machine)?;

    let memory = running.wait_for_value("memory_kib=", LIMIT)?;
    if memory.parse::<u64>().is_ok_and(|kib| kib > 4 << 20) {
        running.wait_until_off(LIMIT)?;
        return Ok(());
    }
    Err(Failure::Wrong(format!("a guest of 5 GiB sees {memory} KiB")))
}
