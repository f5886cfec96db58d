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
const BY_BIOS: [Software; 5] = [
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
    Software {
        name: "grub_shows_its_menu_on_virtio_gpu",
        memory: "32M",
        medium: "cdrom = \"grub-rescue.iso\"\ndisplay = \"virtio-gpu\"",
        shows: &["GNU GRUB", "Change the colors"],
    },
];

/// Memory of the machine in which Debian's installer has the 1 GiB that it wants.
const INSTALLER_MACHINE_MIB: u32 = 2048;
/// The firmware of PCs, as definitions call it.
const FIRMWARE: [&str; 2] = ["bios", "uefi"];

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    let story = |software: Software| {
        Story::new(software.name, move |world| shows(world, software)).only_in_full_runs()
    };
    let mut stories: Vec<Story> = BY_BIOS.map(story).into();
    let full =
        |name: &str, tell: fn(&World<'_>) -> Result<(), Failure>| Story::new(name, tell).only_in_full_runs();
    stories.push(full("u_boot_is_the_firmware_of_a_pc", u_boot));
    stories.push(full("the_machines_screen_and_keyboard_are_a_pcs", screen_and_keyboard));
    stories.push(full("memtest86_plus_tests_memory_on_a_pc_with_uefi", memtest_by_uefi));
    stories.push(full("the_uefi_shell_runs_a_script_and_a_program", uefi_script));
    stories.extend(FIRMWARE.map(|firmware| {
        let name = format!("debians_installer_asks_its_first_question_on_the_screen_by_{firmware}");
        Story::new(&name, move |world| installer(world, firmware)).only_in_full_runs()
    }));
    stories.push(Story::new("corten_as_a_guest_says_that_it_lacks_amd_v", corten_in_corten));
    stories
}

fn shows(world: &World<'_>, software: Software) -> Result<(), Failure> {
    let Software { memory, medium, shows, .. } = software;
    let definition = format!("[[vm]]\nname = \"pc\"\nmemory = \"{memory}\"\nfirmware = \"bios\"\n{medium}\n");
    // One processor: firmware and iPXE wait for USB without rest, and QEMU's processors take turns of 100 ms.
    let mut running = world.start(&world.direct(&definition)?.cpus(1))?;

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

/// GRUB's prompt stands on the display, as text that can be looked at and as a picture on the machine's own screen, whose
/// keyboard reaches GRUB.
fn screen_and_keyboard(world: &World<'_>) -> Result<(), Failure> {
    let definition = "[[vm]]\nname = \"pc\"\nmemory = \"32M\"\nfirmware = \"bios\"\n\
                      disks = [ { file = \"corrupt.img\", bus = \"ahci\" } ]\n";
    let mut running = world.start(&world.bios(definition)?)?;

    let mut monitor = Monitor::wait(&mut running, LIMIT)?;
    monitor.wait_for_display("pc", "grub>")?;
    monitor.wait_for_screen("pc", "grub>")?;
    for key in ["l", "s", "ret"] {
        monitor.press(key)?;
    }
    monitor.wait_for_screen("pc", "(hd0)")
}

/// It draws its letters on the frame buffer that UEFI gives it.
fn memtest_by_uefi(world: &World<'_>) -> Result<(), Failure> {
    let definition =
        "[[vm]]\nname = \"pc\"\nmemory = \"64M\"\nfirmware = \"uefi\"\ncdrom = \"memtest.iso\"\n";
    let mut running = world.start(&world.bios(definition)?)?;

    let mut monitor = Monitor::wait(&mut running, LIMIT)?;
    // That test takes longest, and those before it have found nothing.
    for text in ["Memtest86+", "Status: Testing", "Test #7", "Errors: 0"] {
        monitor.wait_for_screen("pc", text)?;
    }
    Ok(())
}

/// The shell that comes with the firmware finds the script on a disk, as it would on a stick.
fn uefi_script(world: &World<'_>) -> Result<(), Failure> {
    let definition = "when_all_stopped = \"poweroff\"\n[[vm]]\nname = \"pc\"\nmemory = \"64M\"\nfirmware = \"uefi\"\n\
                      display = \"none\"\nconsole = \"host\"\ndisks = [ { file = \"script.img\", bus = \"ahci\" } ]\n";
    let mut running = world.start(&world.direct(definition)?)?;

    for number in ["one", "two", "three"] {
        running.wait_for(&format!("SCRIPT counts {number}"), LIMIT)?;
    }
    running.wait_for("SCRIPT has a variable", LIMIT)?;
    // The program shows a box that wants to be answered.
    running.wait_for("HelloWorld", LIMIT)?;
    running.wait_for(" OK ", LIMIT)?;
    running.send("\r")?;
    running.wait_for("SCRIPT writes", LIMIT)?;
    running.wait_for("SCRIPT is at its end", LIMIT)?;
    running.wait_until_off(LIMIT)?;
    Ok(())
}

/// From a CD, on a frame buffer.
fn installer(world: &World<'_>, firmware: &str) -> Result<(), Failure> {
    let definition = format!(
        "[[vm]]\nname = \"pc\"\nmemory = \"1G\"\nfirmware = \"{firmware}\"\ncdrom = \"installer.iso\"\n"
    );
    let mut running = world.start(&world.bios(&definition)?.memory_mib(INSTALLER_MACHINE_MIB))?;

    let mut monitor = Monitor::wait(&mut running, LIMIT * 2)?;
    monitor.wait_for_screen("pc", "Select a language")?;
    monitor.wait_for_screen("pc", "English")
}

/// A guest has no AMD-V; the hypervisor in it says so and stops, and the one below goes on.
fn corten_in_corten(world: &World<'_>) -> Result<(), Failure> {
    let definition =
        "[[vm]]\nname = \"corten\"\nmemory = \"256M\"\nkernel = \"corten.elf\"\nconsole = \"host\"\n";
    let mut running = world.start(&world.direct(definition)?)?;

    let sentence = running.wait_for_value("cannot start:", LIMIT)?;
    if !sentence.contains("AMD-V") {
        return Err(Failure::Wrong(format!("\"AMD-V\" is not in: {sentence}")));
    }
    Monitor::open(&mut running, LIMIT)?.ask("vms", "LAST END").map(drop)
}
