//! Software from Debian's archive that knows nothing of Corten, on PCs, judged by the text on their displays.

use test_emulator::Failure;

use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};

/// An image, how a PC has it, and what shows that it works.
#[derive(Clone, Copy)]
struct Software {
    name: &'static str,
    memory: &'static str,
    /// The line of the definition.
    medium: &'static str,
    /// Texts that the display shows, one after the other.
    shows: &'static [&'static str],
}

/// What is booted by BIOS.
const BY_BIOS: [Software; 4] = [
    Software {
        name: "memtest86_plus_tests_memory_on_a_pc",
        memory: "8M",
        medium: "cdrom = \"memtest.iso\"",
        // The last test of a pass waits for minutes; those before it have found nothing.
        shows: &["Memtest86+", "Status: Testing", "Test #10", "Errors: 0"],
    },
    Software {
        name: "ipxe_starts_on_a_pc",
        memory: "32M",
        medium: "cdrom = \"ipxe.iso\"",
        shows: &["initialising devices...ok", "Press Ctrl-B for the iPXE command line"],
    },
    Software {
        name: "grubs_rescue_cd_shows_its_menu_on_a_pc",
        memory: "32M",
        medium: "cdrom = \"grub-rescue.iso\"",
        shows: &["GNU GRUB", "Change the colors"],
    },
    Software {
        name: "grubs_rescue_floppy_shows_its_menu_on_a_pc",
        memory: "32M",
        medium: "floppy = \"grub-rescue.img\"",
        shows: &["GNU GRUB", "Change the colors"],
    },
];

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    let story = |software: Software| {
        Story::new(software.name, move |world| shows(world, software)).only_in_full_runs()
    };
    let mut stories: Vec<Story> = BY_BIOS.map(story).into();
    stories.push(Story::new("u_boot_is_the_firmware_of_a_pc", u_boot).only_in_full_runs());
    stories
}

fn shows(world: &World<'_>, software: Software) -> Result<(), Failure> {
    let Software { memory, medium, shows, .. } = software;
    let definition = format!("[[vm]]\nname = \"pc\"\nmemory = \"{memory}\"\nfirmware = \"bios\"\n{medium}\n");
    let mut running = world.start(&world.direct(&definition)?)?;

    let mut monitor = Monitor::wait(&mut running, LIMIT)?;
    for text in shows {
        monitor.wait_for_display("pc", text)?;
    }
    Ok(())
}

/// A ROM that is neither OVMF nor SeaBIOS.
fn u_boot(world: &World<'_>) -> Result<(), Failure> {
    let definition =
        "[[vm]]\nname = \"pc\"\nmemory = \"128M\"\nfirmware = \"u-boot.rom\"\nconsole = \"host\"\n";
    let mut running = world.start(&world.direct(definition)?)?;

    running.wait_for("DRAM:  128 MiB", LIMIT)?;
    running.wait_for("Hit any key to stop autoboot", LIMIT)?;
    running.send(" ")?;
    running.wait_for("=> ", LIMIT)?;
    Ok(())
}
