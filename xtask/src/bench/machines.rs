//! Runs one guest bare or under Corten and reads what it counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use test_emulator::{Boot, Clock, Machine, Running};

use crate::Failure;

/// A net for machines that hang: counting is slow.
pub(super) const LIMIT: Duration = Duration::from_secs(900);
/// Linux' command line in both worlds.
pub(super) const LINUX_ARGUMENTS: &str = "console=ttyS0 quiet t=none";
/// Memory of the bare machines, and of the VMs that are compared with them, in MiB.
pub(super) const MEMORY_MIB: u32 = 256;

/// The values that one run counted, by their names.
pub(super) type Values = BTreeMap<String, f64>;

/// A machine whose clock counts instructions.
pub(super) fn counting(boot: Boot) -> Machine {
    Machine::new(boot).cpus(1).clock(Clock::Instructions)
}

/// Runs `mb.elf` on the bare machine.
pub(super) fn bare_micro(folder: &Path) -> Result<Values, Failure> {
    let boot = Boot::Direct { kernel: folder.join("mb.elf"), initrd: None, command_line: String::new() };
    let mut running = counting(boot).cpus(2).memory_mib(MEMORY_MIB).start(&folder.join("bare-mb"))?;
    micro_values(&mut running)
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
