//! A PC's keyboard and tablet on USB, as drivers that know nothing of Corten take them.

use test_emulator::Failure;

use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};

/// The stories. Their processors run at the same time: turns take 100 ms in QEMU, and what USB moves would wait for one each time.
pub(crate) fn stories() -> Vec<Story> {
    let linux = "linux_hears_the_machines_keyboard_and_mouse_on_usb";
    let uefi = "the_uefi_shell_is_typed_at_on_the_machines_keyboard";
    vec![Story::new(linux, linux_hears).only_in_full_runs(), Story::new(uefi, uefi_hears).only_in_full_runs()]
}

/// A kernel with all of Debian's drivers finds both devices; what is typed and pointed at the machine's own screen
/// comes through them.
fn linux_hears(world: &World<'_>) -> Result<(), Failure> {
    let definition = "[[vm]]\nname = \"pc\"\nmemory = \"256M\"\nfirmware = \"bios\"\nconsole = \"host\"\ncpus = [1]\n\
                      disks = [ { file = \"i386.img\", bus = \"ide\" } ]\n";
    let mut running = world.start(&world.bios(definition)?.in_parallel())?;

    running.wait_for("CORTEN-GUEST up cpus=1", LIMIT)?;
    running.wait_for("# ", LIMIT)?;
    running.send("until dmesg | grep -q 'USB HID.*Tablet'; do sleep 1; done; dmesg | grep 'USB HID'\r")?;
    running.wait_for("USB HID v1.11 Keyboard [Corten USB Keyboard]", LIMIT)?;
    running.wait_for("USB HID v1.11 Mouse [Corten USB Tablet]", LIMIT)?;
    running.wait_for("# ", LIMIT)?;
    running.send(LISTEN)?;
    running.wait_for("listening to Corten USB Tablet", LIMIT)?;

    let mut monitor = Monitor::open(&mut running, LIMIT)?;
    monitor.ask("screen pc", "the screen shows pc")?;
    monitor.press("a")?;
    monitor.wait_for_console("pc", "heard Corten USB Keyboard")?;
    monitor.move_mouse(10, 10)?;
    monitor.wait_for_console("pc", "heard Corten USB Tablet")
}

/// The shell comes when there is nothing to boot. Its answer stands on the serial line, too.
fn uefi_hears(world: &World<'_>) -> Result<(), Failure> {
    let definition =
        "[[vm]]\nname = \"pc\"\nmemory = \"128M\"\nfirmware = \"uefi\"\nconsole = \"host\"\ncpus = [1]\n";
    let mut running = world.start(&world.bios(definition)?.in_parallel())?;

    running.wait_for("Shell>", LIMIT)?;
    let mut monitor = Monitor::open(&mut running, LIMIT)?;
    monitor.ask("screen pc", "the screen shows pc")?;
    for key in ["e", "c", "h", "o", "spc", "u", "s", "b", "ret"] {
        monitor.press(key)?;
    }
    monitor.wait_for_console("pc", "\nusb")
}

/// Listens to each input device in the background.
const LISTEN: &str = "for e in /dev/input/event*; do n=$(cat /sys/class/input/${e##*/}/device/name); \
                      (head -c 16 $e > /dev/null && echo heard $n) & echo listening to $n; done\r";
