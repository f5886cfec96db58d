//! Saved states of whole machines: what they lack is lost, and the guest would notice.

use test_emulator::{Failure, Machine, Model};

use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};
use crate::vms::{Linux, slow_linux, staying_on};

/// How often each guest goes on from its saved state.
const TIMES: u32 = 4;

/// A PC, or the micro platform.
#[derive(Clone, Copy)]
struct Board {
    name: &'static str,
    firmware: Option<&'static str>,
    /// Further lines of the definition.
    lines: &'static str,
    vcpus: u32,
}

const BOARDS: [Board; 4] = [
    Board {
        name: "without_firmware",
        firmware: None,
        lines: "disks = [ { file = \"disk.img\" } ]\n",
        vcpus: 2,
    },
    Board {
        name: "with_bios_and_ide",
        firmware: Some("bios"),
        lines: "disks = [ { file = \"pc.img\", bus = \"ide\" } ]\n",
        vcpus: 2,
    },
    Board {
        name: "with_uefi_and_nvme",
        firmware: Some("uefi"),
        lines: "disks = [ { file = \"pc.img\", bus = \"nvme\" } ]\n",
        vcpus: 2,
    },
    Board {
        name: "with_bios_and_virtio",
        firmware: Some("bios"),
        lines: "display = \"none\"\ndisks = [ { file = \"pc.img\", bus = \"virtio\" } ]\n",
        vcpus: 1,
    },
];
/// Those that are always tried.
const ALWAYS: [&str; 2] = ["without_firmware", "with_bios_and_ide"];

impl Board {
    fn definition(&self) -> String {
        let Self { firmware, lines, vcpus, .. } = self;
        match firmware {
            None => staying_on(&[Linux::new("linux", "shell").vcpus(*vcpus).on_host_console().with(lines)]),
            Some(firmware) => format!(
                "[[vm]]\nname = \"linux\"\nvcpus = {vcpus}\nmemory = \"256M\"\nfirmware = \"{firmware}\"\n\
                 console = \"host\"\n{lines}"
            ),
        }
    }
}

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    let story = |board: Board| {
        let tell = move |world: &World<'_>| goes_on(world, &world.direct(&board.definition())?);
        let name = format!("linux_{}_goes_on_from_its_saved_state", board.name);
        let story = Story::new(&name, tell);
        if ALWAYS.contains(&board.name) { story } else { story.only_in_full_runs() }
    };
    let mut stories: Vec<Story> = BOARDS.map(story).into();
    stories.push(Story::new("linux_on_haswell_goes_on_from_its_saved_state", on_vt_x).only_in_full_runs());
    stories
}

fn on_vt_x(world: &World<'_>) -> Result<(), Failure> {
    let disk = "disks = [ { file = \"disk.img\" } ]";
    let guest = slow_linux("shell").vcpus(2).with(disk);
    goes_on(world, &world.bochs(&staying_on(&[guest]), Model::Haswell)?)
}

/// Linux works on its disk, its clock and all its processors, again and again from its saved state.
fn goes_on(world: &World<'_>, machine: &Machine) -> Result<(), Failure> {
    let mut running = world.start(machine)?;
    running.wait_for("Type 'poweroff' to end it", LIMIT)?;
    running.wait_for("# ", LIMIT)?;
    running.send("work\r")?;

    for time in 1..=TIMES {
        running.wait_for(&format!("CORTEN-GUEST round {} ", 3 * time), LIMIT)?;
        let mut monitor = Monitor::open(&mut running, LIMIT)?;
        monitor.ask("renew linux", "vm linux: goes on from its saved state")?;
        monitor.leave()?;
    }
    running.wait_for(&format!("CORTEN-GUEST round {} ", 3 * TIMES + 3), LIMIT)?;
    let printed = running.printed();
    for complaint in ["is lost", "nstable", "rcu:", "BUG", "WARNING", "Call Trace", "timed out"] {
        if let Some(line) = printed.lines().find(|line| line.contains(complaint)) {
            return Err(Failure::Wrong(format!("the guest noticed: {line}")));
        }
    }
    Ok(())
}
