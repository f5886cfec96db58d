//! Runs one guest bare or under Corten and reads what it counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use test_emulator::{Boot, Clock, Emulator, Machine, Model, Running};

use super::figures::TIMER_NS;
use crate::Failure;
use crate::image::Image;
use crate::run::direct;

/// A net for machines that hang: counting is slow.
pub(super) const LIMIT: Duration = Duration::from_secs(900);
/// Linux' command line in both worlds.
pub(super) const LINUX_ARGUMENTS: &str = "console=ttyS0 quiet t=none";
/// Memory of the bare machines, and of the VMs that are compared with them, in MiB.
pub(super) const MEMORY_MIB: u32 = 256;

/// The values that one run counted, by their names.
pub(super) type Values = BTreeMap<String, f64>;

/// Under this name a run keeps how long the benchmark's timer is programmed to, in ticks.
pub(super) const TIMER_TICKS: &str = "timer ticks";

/// A machine on which Corten is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Lane {
    /// AMD-V in QEMU
    Svm,
    /// VT-x in Bochs (model haswell)
    Vmx,
}

impl Lane {
    /// What reports call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Svm => "svm",
            Self::Vmx => "vmx",
        }
    }
}

/// A machine of this lane that boots Corten and counts instructions.
pub(super) fn corten(lane: Lane, image: &Image<'_>) -> Result<Machine, Failure> {
    match lane {
        Lane::Svm => Ok(counting(direct(&image.elf(), &image.bundle()))),
        Lane::Vmx => {
            image.make_bios_iso()?;
            Ok(Machine::new(Boot::BiosCd(image.iso())).cpus(1).emulator(Emulator::Bochs(Model::Haswell)))
        }
    }
}

/// Reads what Corten says about the speed of its clock, which counts instructions; calibration is a little off.
pub(super) fn ticks_per_nanosecond(running: &mut Running) -> Result<f64, Failure> {
    let line = running.wait_for_value("time stamp counter at ", LIMIT)?;
    let khz: Option<f64> = line.split(' ').next().and_then(|digits| digits.parse().ok());
    let khz = khz.ok_or_else(|| Failure::new(format!("Corten printed no frequency but: {line}")))?;
    Ok((khz / 1000.0).round() / 1000.0)
}

/// A machine whose clock counts instructions.
pub(super) fn counting(boot: Boot) -> Machine {
    Machine::new(boot).cpus(1).clock(Clock::Instructions)
}

/// Runs `mb.elf` on the bare machine.
pub(super) fn bare_micro(folder: &Path) -> Result<Values, Failure> {
    let boot = Boot::Direct { kernel: folder.join("mb.elf"), initrd: None, command_line: String::new() };
    let mut running = counting(boot).cpus(2).memory_mib(MEMORY_MIB).start(&folder.join("bare-mb"))?;
    let mut values = micro_values(&mut running)?;
    values.insert(TIMER_TICKS.into(), TIMER_NS);
    Ok(values)
}

/// Runs Linux on the bare machine.
pub(super) fn bare_linux(folder: &Path) -> Result<Values, Failure> {
    let (kernel, initrd) = (folder.join("vmlinuz"), Some(folder.join("bench.img")));
    let boot = Boot::Direct { kernel, initrd, command_line: LINUX_ARGUMENTS.into() };
    let mut running = counting(boot).memory_mib(MEMORY_MIB).start(&folder.join("bare-linux"))?;
    linux_values(&mut running)
}

/// Waits for the end of `mb.elf` and reads its lines.
pub(super) fn micro_values(running: &mut Running) -> Result<Values, Failure> {
    let printed = running.wait_for("MB end tsc=", LIMIT)?;
    Ok(printed.lines().filter_map(figures).flatten().collect())
}

/// Waits for Linux' first program and reads the time stamp that it prints.
pub(super) fn linux_values(running: &mut Running) -> Result<Values, Failure> {
    let line = running.wait_for_value("L2_USERSPACE_TSC=", LIMIT)?;
    let digits: String = line.chars().take_while(char::is_ascii_digit).collect();
    let ticks: f64 =
        digits.parse().map_err(|_| Failure::new(format!("Linux printed no time stamp but: {line}")))?;
    Ok(Values::from([("userspace".into(), ticks)]))
}

/// The name and median of a line such as `MB cpuid_0 n=256 min=10 med=10 ... mean=10`, and `NAME mean` with its mean.
fn figures(line: &str) -> Option<[(String, f64); 2]> {
    let (name, rest) = line.trim().strip_prefix("MB ")?.split_once(' ')?;
    let value = |key: &str| rest.split(' ').find_map(|word| word.strip_prefix(key))?.parse().ok();
    Some([(name.into(), value("med=")?), (format!("{name} mean"), value("mean=")?)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_mean_are_taken_from_a_line_of_the_benchmark() {
        let line = "MB cpuid_0 n=256 min=9 med=10 p90=11 max=12 mean=13\r";
        assert_eq!(figures(line), Some([("cpuid_0".into(), 10.0), ("cpuid_0 mean".into(), 13.0)]));
        assert_eq!(figures("MB end tsc=5"), None);
    }
}
