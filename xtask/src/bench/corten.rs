//! Runs the guests under Corten, on each machine, and puts the report together.

use std::path::{Path, PathBuf};
use std::time::Duration;

use test_emulator::{Machine, Running};
use test_stories::Monitor;

use super::figures::{FIGURES, Figure, Source, TIMER_NS};
use super::machines::{self, LIMIT, LINUX_ARGUMENTS, Lane, MEMORY_MIB, TIMER_TICKS, Values};
use super::monitor::{statistics, statistics_over_console};
use super::pc;
use crate::build::System;
use crate::image::{Definition, Image};
use crate::{Failure, process};

/// Idle VMs over which the memory of one is averaged.
const MANY_VMS: u32 = 50;
/// Memory of Corten's machine in MiB.
const MACHINE_MIB: u32 = 1024;
/// How long an idle machine is watched; its own clock tells the time that passed.
const WATCH: Duration = Duration::from_secs(10);

/// All that was measured.
pub(super) struct Report {
    /// Each figure with its values.
    pub(super) rows: Vec<Row>,
    /// Exits by reason of each guest, most frequent first.
    pub(super) exits: Vec<(String, Vec<(String, f64)>)>,
}

/// One figure and what was measured of it.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) figure: Figure,
    /// Corten on AMD-V.
    pub(super) svm: Option<f64>,
    /// Corten on VT-x.
    pub(super) vmx: Option<f64>,
    /// The emulated AMD machine without Corten.
    pub(super) bare: Option<f64>,
}

/// What the runs of one machine gave.
#[derive(Default)]
struct Runs {
    values: Values,
    micro_exits: Values,
    linux_exits: Values,
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// Everything.
    All,
    /// Without Linux, firmware and the many idle VMs.
    Quick,
    /// What is about PCs.
    Pcs,
}

/// What is to be run.
pub(super) struct Plan<'p> {
    /// Corten; only the bare machine is measured without it.
    pub(super) system: Option<&'p System>,
    /// Where the guests are, and the machines' files go.
    pub(super) folder: &'p Path,
    /// How much of it.
    pub(super) scope: Scope,
    /// The machines that Corten runs on.
    pub(super) lanes: &'p [Lane],
}

/// Runs everything.
pub(super) fn measure(plan: &Plan<'_>) -> Result<Report, Failure> {
    let folder = plan.folder;
    let bare = bare(folder, plan.scope)?;
    let (mut svm, mut vmx) = (Runs::default(), Runs::default());
    for &lane in plan.lanes {
        let runs = if lane == Lane::Svm { &mut svm } else { &mut vmx };
        if let Some(system) = plan.system {
            Bench { system, folder, lane }.measure(runs, plan.scope)?;
        }
    }
    let row = |figure: Figure| Row {
        figure,
        svm: value(&figure, &svm.values),
        vmx: value(&figure, &vmx.values),
        bare: value(&figure, &bare),
    };
    let mut all_exits = Vec::new();
    for (lane, runs) in [(Lane::Svm, &svm), (Lane::Vmx, &vmx)] {
        all_exits.push((format!("mb.elf on {}", lane.name()), exits(&runs.micro_exits)));
        all_exits.push((format!("Linux on {}", lane.name()), exits(&runs.linux_exits)));
    }
    let figures = FIGURES.into_iter().chain(pc::figures(&bare));
    Ok(Report { rows: figures.map(row).collect(), exits: all_exits })
}

/// Runs what is to be run without Corten.
fn bare(folder: &Path, scope: Scope) -> Result<Values, Failure> {
    let mut bare = Values::new();
    if scope != Scope::Pcs {
        bare = process::task("mb.elf on the bare machine", || machines::bare_micro(folder))?;
    }
    if scope == Scope::All {
        bare.extend(process::task("Linux on the bare machine", || machines::bare_linux(folder))?);
    }
    for way in pc::WAYS.iter().filter(|_| scope != Scope::Quick) {
        let title = format!("{} on the bare machine", way.name);
        bare.insert(way.name.into(), process::task(&title, || pc::bare_boot(folder, way))?);
    }
    Ok(bare)
}

/// Corten on one kind of machine.
pub(super) struct Bench<'b> {
    system: &'b System,
    pub(super) folder: &'b Path,
    lane: Lane,
}

impl Bench<'_> {
    fn measure(&self, runs: &mut Runs, scope: Scope) -> Result<(), Failure> {
        let title = |what: &str| format!("{what} on {}", self.lane.name());
        if scope != Scope::Pcs {
            process::task(&title("mb.elf"), || self.micro(runs))?;
        }
        process::task(&title("an idle machine"), || self.idle(runs))?;
        if scope != Scope::Pcs {
            process::task("the size of the image", || self.size(runs))?;
        }
        if scope == Scope::All {
            process::task(&title("Linux"), || self.linux(runs))?;
            process::task(&title("many idle VMs"), || self.many(runs))?;
        }
        // Only QEMU counts what is executed without what is waited for.
        if self.lane == Lane::Svm { self.pcs(runs, scope) } else { Ok(()) }
    }

    /// Starts Corten on a counting machine with these VMs; gives its ticks per nanosecond as well.
    pub(super) fn start(&self, name: &str, definition: &str) -> Result<(Running, f64), Failure> {
        let folder = self.folder_of(name);
        let mut running = self.machine(name, definition)?.start(&folder)?;
        let ticks = machines::ticks_per_nanosecond(&mut running)?;
        Ok((running, ticks))
    }

    /// A counting machine with Corten and these VMs.
    pub(super) fn machine(&self, name: &str, definition: &str) -> Result<Machine, Failure> {
        let definition = Definition::from_text(definition, self.folder)?;
        let image = Image::new(self.system, &definition, &self.folder_of(name))?;
        Ok(machines::corten(self.lane, &image)?.memory_mib(MACHINE_MIB).fatal("KERNEL PANIC"))
    }

    /// Where the files of a run are.
    pub(super) fn folder_of(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}-{name}", self.lane.name()))
    }

    fn micro(&self, runs: &mut Runs) -> Result<(), Failure> {
        let definition = vm("mb", 2, MEMORY_MIB, "kernel = \"mb.elf\"\nconsole = \"host\"\n");
        let (mut running, ticks) = self.start("mb", &definition)?;
        runs.values.extend(machines::micro_values(&mut running)?);
        runs.micro_exits = statistics_over_console(&mut running)?;
        let first_ns = runs.micro_exits.get("entry to first guest").copied().unwrap_or(f64::NAN);
        runs.values.insert("first guest".into(), first_ns * ticks);
        runs.values.insert(TIMER_TICKS.into(), TIMER_NS * ticks);
        Ok(())
    }

    fn linux(&self, runs: &mut Runs) -> Result<(), Failure> {
        let further = format!(
            "kernel = \"vmlinuz\"\ninitrd = \"bench.img\"\ncmdline = \"{LINUX_ARGUMENTS},idle\"\nconsole = \"host\"\n"
        );
        let (mut running, _) = self.start("linux", &vm("linux", 1, MEMORY_MIB, &further))?;
        runs.values.extend(machines::linux_values(&mut running)?);
        running.wait_for("L2_IDLE", LIMIT)?;
        runs.linux_exits = statistics_over_console(&mut running)?;
        Ok(())
    }

    /// An idle machine with one idle VM: what it uses and how often it wakes up.
    fn idle(&self, runs: &mut Runs) -> Result<(), Failure> {
        let (mut running, _) = self.start("empty", "")?;
        let empty = statistics(&mut Monitor::wait(&mut running, LIMIT)?)?;
        runs.values.insert("idle memory".into(), in_use(&empty));
        let (mut running, _) = self.start("idle", &idle_vms(1))?;
        let mut monitor = Monitor::wait(&mut running, LIMIT)?;
        monitor.wait_for_console("idle0", "IDLE_UP")?;
        let [timer, wakes] = interruptions(&mut monitor)?;
        runs.values.insert("timer rate".into(), timer);
        runs.values.insert("wake rate".into(), wakes);
        Ok(())
    }

    fn many(&self, runs: &mut Runs) -> Result<(), Failure> {
        let (mut running, _) = self.start("many", &idle_vms(MANY_VMS))?;
        let mut monitor = Monitor::wait(&mut running, LIMIT)?;
        for number in 0..MANY_VMS {
            monitor.wait_for_console(&format!("idle{number}"), "IDLE_UP")?;
        }
        let many = statistics(&mut monitor)?;
        let empty = runs.values.get("idle memory").copied().unwrap_or(f64::NAN);
        runs.values.insert("memory per vm".into(), (in_use(&many) - empty) / f64::from(MANY_VMS));
        Ok(())
    }

    /// Virtual machines that are PCs.
    fn pcs(&self, runs: &mut Runs, scope: Scope) -> Result<(), Failure> {
        let empty = runs.values.get("idle memory").copied().unwrap_or(f64::NAN);
        runs.values.extend(process::task("idle PCs", || pc::idle(self, empty))?);
        for way in pc::WAYS.iter().filter(|_| scope != Scope::Quick) {
            runs.values.insert(way.name.into(), process::task(way.name, || pc::virtual_boot(self, way))?);
        }
        Ok(())
    }

    fn size(&self, runs: &mut Runs) -> Result<(), Failure> {
        let image = Image::new(self.system, &Definition::empty(), &self.folder.join("empty-image"))?;
        image.make_efi()?;
        let efi = image.efi();
        let bytes = std::fs::metadata(&efi).map_err(|error| Failure::file(&efi, &error))?.len();
        runs.values.insert("image bytes".into(), bytes as f64);
        Ok(())
    }
}

/// Timer interrupts and wake-ups from idle per second while nobody asks for anything.
pub(super) fn interruptions(monitor: &mut Monitor<'_>) -> Result<[f64; 2], Failure> {
    let asked = statistics(monitor)?;
    let before = statistics(monitor)?;
    std::thread::sleep(WATCH);
    let after = statistics(monitor)?;
    let seconds = grown(&before, &after, "up") / 1e9;
    // A question and its answer wake the machine too: that much less is the idle machine's.
    let own = |name| grown(&before, &after, name) - grown(&asked, &before, name);
    Ok(["timer interrupts", "wake-ups from idle"].map(|name| own(name).max(0.0) / seconds))
}

fn vm(name: &str, vcpus: u32, memory_mib: u32, further: &str) -> String {
    format!("[[vm]]\nname = \"{name}\"\nvcpus = {vcpus}\nmemory = \"{memory_mib}M\"\n{further}\n")
}

fn idle_vms(count: u32) -> String {
    (0..count).map(|number| vm(&format!("idle{number}"), 1, 16, "kernel = \"idle.elf\"\n")).collect()
}

/// By how much a counter has grown.
fn grown(before: &Values, after: &Values, name: &str) -> f64 {
    after.get(name).unwrap_or(&f64::NAN) - before.get(name).unwrap_or(&f64::NAN)
}

pub(super) fn in_use(statistics: &Values) -> f64 {
    statistics.get("memory in use").copied().unwrap_or(f64::NAN)
}

/// The value of a figure among what a run gave, in the figure's unit.
fn value(figure: &Figure, values: &Values) -> Option<f64> {
    let (name, factor) = match figure.source {
        Source::Median(line) => (line, 1.0),
        Source::TimerExcess(line) => return Some(values.get(line)? - values.get(TIMER_TICKS)?),
        Source::LinuxToUserspace => ("userspace", 1e-9),
        Source::FirstGuest => ("first guest", 1e-9),
        Source::IdleMemory => ("idle memory", 1.0 / 1024.0 / 1024.0),
        Source::MemoryPerVm => ("memory per vm", 1.0 / 1024.0),
        Source::ImageSize => ("image bytes", 1.0 / 1024.0 / 1024.0),
        Source::IdleTimerRate => ("timer rate", 1.0),
        Source::IdleWakeRate => ("wake rate", 1.0),
        Source::Named(name) => (name, 1.0),
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
