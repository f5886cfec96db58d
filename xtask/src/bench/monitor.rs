//! Figures that Corten's monitor shows.

use test_emulator::Running;
use test_stories::Monitor;

use super::machines::{LIMIT, Values};
use crate::Failure;

/// Reads `stats`: counters by name, times in nanoseconds, sizes in bytes; exits as `exit NAME`.
pub(super) fn statistics(monitor: &mut Monitor<'_>) -> Result<Values, Failure> {
    let answer = monitor.ask("stats", "MACHINE")?;
    let (machine, exits) = answer.split_once("GUEST EXITS").unwrap_or((&answer, ""));
    let mut values: Values = machine.lines().filter_map(row).collect();
    values.extend(exits.lines().filter_map(row).map(|(name, value)| (format!("exit {name}"), value)));
    Ok(values)
}

/// Opens the monitor over a VM's console and reads `stats`.
pub(super) fn statistics_over_console(running: &mut Running) -> Result<Values, Failure> {
    statistics(&mut Monitor::open(running, LIMIT)?)
}

/// The name and first quantity of a table's row: cells are two blanks apart.
fn row(line: &str) -> Option<(String, f64)> {
    let mut cells = line.trim().split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    Some((cells.next()?.into(), quantity(cells.next()?)?))
}

/// A number with its unit, or several of them (`3 h 12 min`), in nanoseconds, bytes or as it is.
fn quantity(cell: &str) -> Option<f64> {
    let words: Vec<&str> = cell.split(' ').collect();
    words.chunks(2).map(|pair| Some(number(pair.first()?)? * factor(pair.get(1).unwrap_or(&""))?)).sum()
}

fn number(digits: &str) -> Option<f64> {
    digits.replace(',', "").parse().ok()
}

fn factor(unit: &str) -> Option<f64> {
    Some(match unit {
        "" | "B" | "%" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "ms" => 1e6,
        "s" => 1e9,
        "min" => 60e9,
        "h" => 3600e9,
        "d" => 86_400e9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_monitors_tables_are_read() {
        assert_eq!(row("wake-ups from idle     1,234"), Some(("wake-ups from idle".into(), 1234.0)));
        assert_eq!(
            row("memory in use       20.5 MiB\r"),
            Some(("memory in use".into(), 20.5 * 1024.0 * 1024.0))
        );
        assert_eq!(row("cpuid  12  3.1 %"), Some(("cpuid".into(), 12.0)));
        assert_eq!(row("up  3 h 12 min"), Some(("up".into(), (3.0 * 60.0 + 12.0) * 60e9)));
        assert_eq!(row("NAME  STATE"), None);
    }
}
