//! PCs boot from their disks by stock firmware, as if nothing were below them.

use test_emulator::{Failure, Running};

use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};
use crate::vms::{Linux, staying_on};

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
    stories.push(Story::new("a_32_bit_linux_boots_by_bios", i386).only_in_full_runs());
    stories.push(Story::new("a_pc_without_a_bootable_disk_says_so", unbootable));
    stories.push(Story::new("bad_media_and_too_many_devices_are_told_and_harm_no_other_vm", bad_media));
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
        if pc.bus == "nvme" {
            sits_behind_a_port(&mut running)?;
        }
        running.send(&format!("{end}\r"))?;
    }
    running.wait_until_off(LIMIT)?;
    Ok(())
}

/// Drivers have the root port and the disk on the bus behind it.
fn sits_behind_a_port(running: &mut Running) -> Result<(), Failure> {
    running.send("echo /sys/bus/pci/drivers/pcieport/0* /sys/bus/pci/drivers/nvme/0*\r")?;
    running.wait_for("/sys/bus/pci/drivers/pcieport/0000:00:06.0", LIMIT)?;
    running.wait_for("/sys/bus/pci/drivers/nvme/0000:01:00.0", LIMIT)?;
    running.wait_for("# ", LIMIT)?;
    Ok(())
}

/// A kernel for processors that know neither 64 bits nor physical address extension.
fn i386(world: &World<'_>) -> Result<(), Failure> {
    let pc = Pc { firmware: "bios", bus: "ide", vcpus: 1, disk: "sda" };
    let text = definition(pc).replace("pc.img", "i386.img");

    let mut running = world.start(&world.direct(&text)?)?;

    running.wait_for("CORTEN-GUEST up cpus=1", LIMIT)?;
    running.wait_for("CORTEN-GUEST drive sda sectors=", LIMIT)?;
    running.wait_for("# ", LIMIT)?;
    running.send("uname -m\r")?;
    running.wait_for("\ni686\r\n", LIMIT)?;
    running.send("poweroff\r")?;
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

/// VMs that cannot start, and why.
const REFUSED: [(&str, &str); 5] = [
    ("empty-cd", "the file empty.iso is empty"),
    ("empty-disk", "the file empty.iso is empty"),
    ("empty-rom", "the file empty.iso is empty"),
    ("empty-kernel", "the file empty.iso is empty"),
    ("full-board", "a PC has at most 22 network cards, virtio disks and NVMe disks together"),
];

/// An empty file and a board with too few slots are told; of a corrupt disk the boot loader says what it misses; Linux
/// beside them goes on.
fn bad_media(world: &World<'_>) -> Result<(), Failure> {
    let witness = staying_on(&[Linux::new("witness", "tick").on_host_console()]);
    let pc = |name: &str, boot: &str| format!("\n[[vm]]\nname = \"{name}\"\nmemory = \"32M\"\n{boot}\n");
    let disk = |file: &str, bus: &str| {
        format!("firmware = \"bios\"\ndisks = [ {{ file = \"{file}\", bus = \"{bus}\" }} ]")
    };
    let full_board = format!(
        "firmware = \"bios\"\nnics = [{}]\ndisks = [{}]",
        "\"virtio\", ".repeat(8),
        "{ file = \"disk.img\", bus = \"nvme\" }, ".repeat(16)
    );
    let definition = [
        witness,
        pc("empty-cd", "firmware = \"bios\"\ncdrom = \"empty.iso\""),
        pc("empty-disk", &disk("empty.iso", "nvme")),
        pc("empty-rom", "firmware = \"empty.iso\""),
        pc("empty-kernel", "kernel = \"empty.iso\""),
        pc("full-board", &full_board),
        pc("corrupt-disk", &disk("corrupt.img", "ahci")),
    ];
    let mut running = world.start(&world.direct(&definition.concat())?)?;

    running.wait_for("CORTEN-GUEST tick 2\r", LIMIT)?;
    let mut monitor = Monitor::open(&mut running, LIMIT)?;
    for (name, _) in REFUSED {
        monitor.wait_for_state(name, "failed")?;
    }
    let log = monitor.ask("log", "log")?;
    for (name, reason) in REFUSED {
        let sentence = format!("vm {name}: failed: {reason}");
        if !log.contains(&sentence) {
            return Err(Failure::Wrong(format!("\"{sentence}\" is not in the log: {log}")));
        }
    }
    monitor.wait_for_console("corrupt-disk", "no such device: PCBOOT")?;
    monitor.wait_for_state("witness", "running")?;
    // What it said before is shown first, and only once.
    monitor.wait_for_console("witness", "CORTEN-GUEST tick ")?;
    monitor.wait_for_console("witness", "CORTEN-GUEST tick ")
}
