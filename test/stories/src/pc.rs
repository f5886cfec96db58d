//! PCs boot from their disks by stock firmware, as if nothing were below them.

use test_emulator::Failure;

use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};

/// What a PC boots from, by which firmware.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pc {
    firmware: &'static str,
    bus: &'static str,
    vcpus: u32,
    /// What Linux calls the disk.
    disk: &'static str,
}

/// Those that are always tried: each firmware, each bus, one and two vCPUs.
const ALWAYS: [Pc; 3] = [
    Pc { firmware: "bios", bus: "ide", vcpus: 2, disk: "sda" },
    Pc { firmware: "bios", bus: "virtio", vcpus: 1, disk: "vda" },
    Pc { firmware: "uefi", bus: "nvme", vcpus: 2, disk: "nvme0n1" },
];

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    let mut stories = Vec::new();
    for firmware in ["bios", "uefi"] {
        for (bus, disk) in [("virtio", "vda"), ("nvme", "nvme0n1"), ("ide", "sda")] {
            for vcpus in [1, 2] {
                let pc = Pc { firmware, bus, vcpus, disk };
                let name = format!("a_pc_boots_its_disk_by_{firmware}_on_{bus}_with_{vcpus}_vcpus");
                let story = Story::new(&name, move |world| boots(world, pc));
                stories.push(if ALWAYS.contains(&pc) { story } else { story.only_in_full_runs() });
            }
        }
    }
    stories.push(Story::new("a_pc_without_a_bootable_disk_says_so", unbootable));
    stories
}

fn definition(pc: Pc) -> String {
    let Pc { firmware, bus, vcpus, .. } = pc;
    format!(
        "when_all_stopped = \"poweroff\"\n[[vm]]\nname = \"pc\"\nvcpus = {vcpus}\nmemory = \"256M\"\n\
         firmware = \"{firmware}\"\ndisplay = \"none\"\nconsole = \"host\"\n\
         disks = [ {{ file = \"pc.img\", bus = \"{bus}\" }} ]\n"
    )
}

/// From the firmware through GRUB to Linux, which reads the disk that it came from; again after a reboot; and off.
fn boots(world: &World<'_>, pc: Pc) -> Result<(), Failure> {
    let mut running = world.start(&world.direct(&definition(pc))?)?;

    for end in ["reboot", "poweroff"] {
        running.wait_for(&format!("CORTEN-GUEST up cpus={}", pc.vcpus), LIMIT)?;
        running.wait_for(&format!("CORTEN-GUEST drive {} sectors=", pc.disk), LIMIT)?;
        running.wait_for("read=2097152", LIMIT)?;
        running.wait_for("Type 'poweroff' to end it", LIMIT)?;
        running.wait_for("# ", LIMIT)?;
        running.send(&format!("{end}\r"))?;
    }
    running.wait_until_off(LIMIT)?;
    Ok(())
}

/// The firmware's own message shows, and the machine goes on.
fn unbootable(world: &World<'_>) -> Result<(), Failure> {
    let pc = Pc { firmware: "bios", bus: "ide", vcpus: 1, disk: "sda" };
    let text = definition(pc).replace("pc.img", "disk.img");

    let mut running = world.start(&world.direct(&text)?)?;

    running.wait_for("No bootable device", LIMIT)?;
    Monitor::open(&mut running, LIMIT)?.command("kill pc")?;
    running.wait_until_off(LIMIT)?;
    Ok(())
}
