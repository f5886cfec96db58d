//! PCs: what their firmware costs beside the bare machine, and what idle ones cost.
//!
//! QEMU counts what its processor executes from the reset vector, the guest's own under Corten, until the guest prints a text.
//! Time in which it is halted does not count; the clock does, as always, so that loops which wait for a time are as long in both
//! worlds. What Corten, its VMM and its console do in between counts.

use std::path::Path;
use std::time::{Duration, Instant};

use test_emulator::{Boot, Machine};
use test_stories::Monitor;

use super::corten::{Bench, in_use, interruptions};
use super::figures::{Figure, Source};
use super::guests::PLUGIN;
use super::machines::{LIMIT, MEMORY_MIB, Values, counting};
use super::monitor::statistics;
use crate::{Failure, places};

/// 10^6 instructions that OVMF waits for a TPM on the bare machine, twice 750 ms: QEMU reads zeros where there is none,
/// which OVMF takes for one, and Corten reads ones. They are taken off: they would flatter us.
const TPM_WAIT: f64 = 1500.0;
/// How much of the bare machine's instructions a guest may take.
const SHARE: f64 = 1.3;
/// Idle PCs over which the memory of one is averaged.
const IDLE_PCS: u32 = 8;
/// Memory of an idle PC.
const IDLE_PC_MIB: u32 = 16;
/// What `idlepc.S` touches of it, in KiB: all but what the video window hides.
const IDLE_PC_TOUCHED_KIB: f64 = IDLE_PC_MIB as f64 * 1024.0 - 128.0;
/// What an idle PC may take beyond its memory, in KiB.
const IDLE_PC_KIB_MAX: f64 = 1024.0;
/// Pause between two looks at what the plugin wrote.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A way from the reset vector to a text: SeaBIOS loads GRUB, which speaks; OVMF finds nothing to boot and starts its shell,
/// which announces itself.
pub(super) struct Way {
    /// What the row is called, and the value.
    pub(super) name: &'static str,
    by_uefi: bool,
    bus: Bus,
    /// There is a USB controller with a keyboard and a tablet, as PCs with a display have unless their definition says
    /// otherwise.
    has_usb: bool,
}

/// What the disk hangs on.
#[derive(Clone, Copy)]
enum Bus {
    Virtio,
    Ahci,
    Ide,
}

const SEABIOS: Way =
    Way { name: "SeaBIOS to GRUB (virtio)", by_uefi: false, bus: Bus::Virtio, has_usb: false };
const OVMF: Way = Way { name: "OVMF to its shell (virtio)", by_uefi: true, ..SEABIOS };

/// Those that are measured.
pub(super) const WAYS: [Way; 7] = [
    SEABIOS,
    Way { name: "SeaBIOS to GRUB (AHCI)", bus: Bus::Ahci, ..SEABIOS },
    Way { name: "SeaBIOS to GRUB (IDE)", bus: Bus::Ide, ..SEABIOS },
    Way { name: "SeaBIOS to GRUB (virtio, USB)", has_usb: true, ..SEABIOS },
    OVMF,
    Way { name: "OVMF to its shell (AHCI)", bus: Bus::Ahci, ..OVMF },
    Way { name: "OVMF to its shell (virtio, USB)", has_usb: true, ..OVMF },
];

impl Bus {
    /// Its name in a VM's definition.
    fn name(self) -> &'static str {
        match self {
            Bus::Virtio => "virtio",
            Bus::Ahci => "ahci",
            Bus::Ide => "ide",
        }
    }

    /// The disk in QEMU's words. Without a SATA disk the virtual machine has no SATA controller, for whose ports OVMF waits:
    /// the bare one has none then either.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Bus::Virtio => &["-machine", "sata=off", "-device", "virtio-blk-pci,drive=d,bootindex=0"],
            Bus::Ahci => &["-machine", "sata=on", "-device", "ide-hd,drive=d,bus=ide.0,bootindex=0"],
            Bus::Ide => &[
                "-machine",
                "sata=off",
                "-device",
                "piix3-ide,id=piix",
                "-device",
                "ide-hd,drive=d,bus=piix.0,bootindex=0",
            ],
        }
    }
}

/// USB in QEMU's words.
const USB: [&str; 6] = ["-device", "qemu-xhci", "-device", "usb-kbd", "-device", "usb-tablet"];

impl Way {
    fn disk(&self) -> &'static str {
        if self.by_uefi { "data.img" } else { "grub.img" }
    }

    fn text(&self) -> &'static str {
        if self.by_uefi { "in 5 seconds" } else { "GRUB-IS-UP" }
    }

    fn firmware(&self) -> &'static str {
        if self.by_uefi { "uefi" } else { "bios" }
    }

    fn folder(&self) -> String {
        format!("{}-{}{}", self.firmware(), self.bus.name(), if self.has_usb { "-usb" } else { "" })
    }
}

const MEMORY: &str = "memory per idle PC beyond its RAM";
const TIMER: &str = "timer interrupts, idle host and PC";
const WAKES: &str = "wake-ups, idle host and PC";

/// The rows about PCs, with goals that the bare machine's values set.
pub(super) fn figures(bare: &Values) -> Vec<Figure> {
    let figure = |name, goal, unit| Figure { name, source: Source::Named(name), peer: None, goal, unit };
    let boots = WAYS.iter().map(|way| {
        let goal = bare.get(way.name).map(|value| (value * SHARE).round());
        figure(way.name, goal, "10^6 instructions")
    });
    let idle = [
        figure(MEMORY, Some(IDLE_PC_KIB_MAX), "KiB"),
        figure(TIMER, Some(0.0), "per second"),
        figure(WAKES, None, "per second"),
    ];
    boots.chain(idle).collect()
}

/// 10^6 instructions of the bare machine.
pub(super) fn bare_boot(folder: &Path, way: &Way) -> Result<f64, Failure> {
    let disk = format!("if=none,id=d,snapshot=on,format=raw,file={}", folder.join(way.disk()).display());
    let machine = counting(Boot::Disk { by_uefi: way.by_uefi }).memory_mib(MEMORY_MIB);
    let machine = machine.extra(["-drive", &disk]).extra(way.bus.arguments().iter().copied());
    let machine = if way.has_usb { machine.extra(USB) } else { machine };
    let count = counted(machine, folder, &folder.join(format!("bare-{}", way.folder())), way.text())?;
    Ok(if way.by_uefi { count - TPM_WAIT } else { count })
}

/// 10^6 instructions of Corten's machine from the guest's reset vector on.
pub(super) fn virtual_boot(bench: &Bench<'_>, way: &Way) -> Result<f64, Failure> {
    let definition = pc("pc", MEMORY_MIB, way.firmware(), way.disk(), way.bus, way.has_usb);
    let definition = definition + "console = \"host\"\n";
    let machine = bench.machine(&way.folder(), &definition)?;
    counted(machine, bench.folder, &bench.folder_of(&way.folder()), way.text())
}

/// Memory of an idle PC, and what disturbs an idle machine with one. `empty` is the memory of the machine without VMs.
pub(super) fn idle(bench: &Bench<'_>, empty: f64) -> Result<Values, Failure> {
    let mut values = Values::new();
    for count in [1, IDLE_PCS] {
        let pcs = (0..count).map(|number| {
            pc(&format!("idle{number}"), IDLE_PC_MIB, "bios", "idlepc.img", Bus::Virtio, false)
        });
        let (mut running, _) = bench.start(&format!("idle-{count}-pcs"), &pcs.collect::<String>())?;
        let mut monitor = Monitor::wait(&mut running, LIMIT)?;
        for number in 0..count {
            monitor.wait_for_console(&format!("idle{number}"), "IDLE_UP")?;
        }
        if count == 1 {
            let [timer, wakes] = interruptions(&mut monitor)?;
            values.extend([(TIMER.into(), timer), (WAKES.into(), wakes)]);
        } else {
            let each = (in_use(&statistics(&mut monitor)?) - empty) / f64::from(count);
            values.insert(MEMORY.into(), each / 1024.0 - IDLE_PC_TOUCHED_KIB);
        }
    }
    Ok(values)
}

/// The definition of a PC. Further lines may follow.
fn pc(name: &str, memory_mib: u32, firmware: &str, disk: &str, bus: Bus, has_usb: bool) -> String {
    format!(
        "[[vm]]\nname = \"{name}\"\nmemory = \"{memory_mib}M\"\nfirmware = \"{firmware}\"\nusb = {has_usb}\n\
         disks = [ {{ file = \"{disk}\", bus = \"{}\" }} ]\n",
        bus.name()
    )
}

/// Lets the machine run until it prints `text`: 10^6 instructions since it was last at a reset vector. The plugin is in
/// `tools`.
fn counted(machine: Machine, tools: &Path, folder: &Path, text: &str) -> Result<f64, Failure> {
    places::make_folder(folder)?;
    let (counts, log) = (folder.join("counts"), folder.join("line.log"));
    places::write(&counts, "")?;
    places::write(&log, "")?;
    let plugin = tools.join(PLUGIN);
    let plugin = format!("{},out={},log={},text={text}", plugin.display(), counts.display(), log.display());
    let set = format!("chardev.line.logfile={}", log.display());
    let mut running = machine.extra(["-plugin", &plugin, "-set", &set]).start(folder)?;
    running.wait_for(text, LIMIT)?;
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(count) = between(&places::read_text(&counts)?) {
            return Ok(count / 1e6);
        }
        if Instant::now() > deadline {
            return Err(Failure::new("QEMU's plugin does not count"));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Instructions from the last reset vector to the text, once it is there.
fn between(counts: &str) -> Option<f64> {
    let lines: Vec<(&str, f64)> = counts
        .lines()
        .filter_map(|line| {
            let (what, count) = line.split_once(' ')?;
            Some((what, count.parse().ok()?))
        })
        .collect();
    let text = lines.iter().position(|(what, _)| *what == "text")?;
    let before = lines.get(..text)?;
    let reset = before.iter().rfind(|(what, _)| *what == "reset")?;
    Some(lines.get(text)?.1 - reset.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_counted_from_the_last_reset_vector_to_the_text() {
        assert_eq!(between("reset 0\nreset 100\ntext 350\n"), Some(250.0));
        assert_eq!(between("reset 0\nreset 100\n"), None);
    }
}
