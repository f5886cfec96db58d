//! Runs the guests under Corten and puts the report together.

use std::path::Path;
use std::time::Duration;

use test_emulator::Running;
use test_stories::Monitor;

use super::figures::{FIGURES, Figure, Source, TIMER_TICKS};
use super::machines::{self, LIMIT, LINUX_ARGUMENTS, MEMORY_MIB, Values, counting};
use super::monitor::{statistics, statistics_over_console};
use crate::build::System;
use crate::image::{Definition, Image};
use crate::run::direct;
use crate::{Failure, process};

/// Idle VMs over which the memory of one is averaged.
const MANY_VMS: u32 = 50;
/// Memory of Corten's machine in MiB.
const MACHINE_MIB: u32 = 1024;
/// How long an idle machine is watched; its own clock tells the time that passed.
const WATCH: Duration = Duration::from_secs(10);

/// All that was measured.
pub(super) struct Report {
    /// Each figure with Corten's value and the bare machine's.
    pub(super) rows: Vec<(Figure, Option<f64>, Option<f64>)>,
    /// Exits by reason of each guest, most frequent first.
    pub(super) exits: Vec<(&'static str, Vec<(String, f64)>)>,
}

/// What the runs gave.
#[derive(Default)]
struct Runs {
    bare: Values,
    ours: Values,
    micro_exits: Values,
    linux_exits: Values,
}

/// Runs everything; only the bare machine without a system, and with `quick` without Linux and the many idle machines.
pub(super) fn measure(system: Option<&System>, folder: &Path, quick: bool) -> Result<Report, Failure> {
    let bare = process::task("mb.elf on the bare machine", || machines::bare_micro(folder))?;
    let mut runs = Runs { bare, ..Runs::default() };
    if !quick {
        runs.bare.extend(process::task("Linux on the bare machine", || machines::bare_linux(folder))?);
    }
    if let Some(system) = system {
        Bench { system, folder }.measure(&mut runs, quick)?;
    }
    let rows = FIGURES.map(|figure| (figure, value(&figure, &runs.ours), value(&figure, &runs.bare)));
    let exits = vec![("mb.elf", exits(&runs.micro_exits)), ("Linux", exits(&runs.linux_exits))];
    Ok(Report { rows: rows.into(), exits })
}

struct Bench<'b> {
    system: &'b System,
    folder: &'b Path,
}

impl Bench<'_> {
    fn measure(&self, runs: &mut Runs, quick: bool) -> Result<(), Failure> {
        process::task("mb.elf under Corten", || self.micro(runs))?;
        process::task("an idle machine", || self.idle(runs))?;
        process::task("the size of the image", || self.size(runs))?;
        if !quick {
            process::task("Linux under Corten", || self.linux(runs))?;
            process::task("many idle VMs", || self.many(runs))?;
        }
        Ok(())
    }

    /// Starts Corten on a counting machine with these VMs.
    fn start(&self, name: &str, definition: &str) -> Result<Running, Failure> {
        let folder = self.folder.join(name);
        let definition = Definition::from_text(definition, self.folder)?;
        let image = Image::new(self.system, &definition, &folder)?;
        let machine = counting(direct(&image.elf(), &image.bundle())).memory_mib(MACHINE_MIB);
        Ok(machine.fatal("KERNEL PANIC").start(&folder)?)
    }

    fn micro(&self, runs: &mut Runs) -> Result<(), Failure> {
        let definition = vm("mb", 2, MEMORY_MIB, "kernel = \"mb.elf\"\nconsole = \"host\"\n");
        let mut running = self.start("corten-mb", &definition)?;
        runs.ours.extend(machines::micro_values(&mut running)?);
        runs.micro_exits = statistics_over_console(&mut running)?;
        runs.ours.insert(
            "first guest".into(),
            runs.micro_exits.get("entry to first guest").copied().unwrap_or(f64::NAN),
        );
        Ok(())
    }

    fn linux(&self, runs: &mut Runs) -> Result<(), Failure> {
        let further = format!(
            "kernel = \"vmlinuz\"\ninitrd = \"bench.img\"\ncmdline = \"{LINUX_ARGUMENTS},idle\"\nconsole = \"host\"\n"
        );
        let mut running = self.start("corten-linux", &vm("linux", 1, MEMORY_MIB, &further))?;
        runs.ours.extend(machines::linux_values(&mut running)?);
        running.wait_for("L2_IDLE", LIMIT)?;
        runs.linux_exits = statistics_over_console(&mut running)?;
        Ok(())
    }

    /// An idle machine with one idle VM: what it uses and how often it wakes up.
    fn idle(&self, runs: &mut Runs) -> Result<(), Failure> {
        let mut running = self.start("corten-empty", "")?;
        let empty = statistics(&mut Monitor::wait(&mut running, LIMIT)?)?;
        runs.ours.insert("idle memory".into(), in_use(&empty));
        let mut running = self.start("corten-idle", &idle_vms(1))?;
        let mut monitor = Monitor::wait(&mut running, LIMIT)?;
        monitor.wait_for_console("idle0", "IDLE_UP")?;
        let before = statistics(&mut monitor)?;
        std::thread::sleep(WATCH);
        let after = statistics(&mut monitor)?;
        let grown = |name: &str| after.get(name).unwrap_or(&f64::NAN) - before.get(name).unwrap_or(&f64::NAN);
        let seconds = grown("up") / 1e9;
        runs.ours.insert("timer rate".into(), grown("timer interrupts") / seconds);
        runs.ours.insert("wake rate".into(), grown("wake-ups from idle") / seconds);
        Ok(())
    }

    fn many(&self, runs: &mut Runs) -> Result<(), Failure> {
        let mut running = self.start("corten-many", &idle_vms(MANY_VMS))?;
        let mut monitor = Monitor::wait(&mut running, LIMIT)?;
        for number in 0..MANY_VMS {
            monitor.wait_for_console(&format!("idle{number}"), "IDLE_UP")?;
        }
        let many = statistics(&mut monitor)?;
        let empty = runs.ours.get("idle memory").copied().unwrap_or(f64::NAN);
        runs.ours.insert("memory per vm".into(), (in_use(&many) - empty) / f64::from(MANY_VMS));
        Ok(())
    }

    fn size(&self, runs: &mut Runs) -> Result<(), Failure> {
        let image = Image::new(self.system, &Definition::empty(), &self.folder.join("empty-image"))?;
        image.make_efi()?;
        let efi = image.efi();
        let bytes = std::fs::metadata(&efi).map_err(|error| Failure::file(&efi, &error))?.len();
        runs.ours.insert("image bytes".into(), bytes as f64);
        Ok(())
    }
}

fn vm(name: &str, vcpus: u32, memory_mib: u32, further: &str) -> String {
    format!("[[vm]]\nname = \"{name}\"\nvcpus = {vcpus}\nmemory = \"{memory_mib}M\"\n{further}\n")
}

fn idle_vms(count: u32) -> String {
    (0..count).map(|number| vm(&format!("idle{number}"), 1, 16, "kernel = \"idle.elf\"\n")).collect()
}

fn in_use(statistics: &Values) -> f64 {
    statistics.get("memory in use").copied().unwrap_or(f64::NAN)
}

/// The value of a figure among what a run gave, in the figure's unit.
fn value(figure: &Figure, values: &Values) -> Option<f64> {
    let (name, factor) = match figure.source {
        Source::Median(line) => (line, 1.0),
        Source::TimerExcess(line) => return Some(values.get(line)? - TIMER_TICKS),
        Source::LinuxToUserspace => ("userspace", 1e-9),
        Source::FirstGuest => ("first guest", 1e-9),
        Source::IdleMemory => ("idle memory", 1.0 / 1024.0 / 1024.0),
        Source::MemoryPerVm => ("memory per vm", 1.0 / 1024.0),
        Source::ImageSize => ("image bytes", 1.0 / 1024.0 / 1024.0),
        Source::IdleTimerRate => ("timer rate", 1.0),
        Source::IdleWakeRate => ("wake rate", 1.0),
    };
    values.get(name).map(|value| value * factor).filter(|value| value.is_finite())
}

/// Exits by reason, most frequent first.
fn exits(statistics: &Values) -> Vec<(String, f64)> {
    let named =
        statistics.iter().filter_map(|(name, count)| Some((name.strip_prefix("exit ")?.to_string(), *count)));
    let mut exits: Vec<_> = named.filter(|(name, count)| name != "all" && *count > 0.0).collect();
    exits.sort_by(|one, other| other.1.total_cmp(&one.1));
    exits
}
