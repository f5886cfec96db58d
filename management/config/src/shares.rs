//! CPU time of a VM or program: weight, cap, reservation, processors.

use crate::{ConfigError, Problem, table::Table};
use alloc::{format, vec::Vec};

/// The greatest weight.
pub const WEIGHT_MAX: u64 = 10_000;
/// The greatest number of a processor.
pub const CPU_NUMBER_MAX: u64 = 63;
/// The weight of who asks for nothing special.
const WEIGHT_DEFAULT: u32 = 100;
/// A cap or reservation is in hundredths of one processor; this many processors at the most.
const PERCENT_MAX: u64 = 6_400;
/// The kernel counts in thousandths.
const MILLI_PER_PERCENT: u32 = 10;

/// What a scheduling group is to get.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shares {
    /// Share of contended time relative to others, 1 to [`WEIGHT_MAX`].
    pub weight: u32,
    /// Most CPU time in thousandths of one processor; 0 = no cap.
    pub cap_milli: u32,
    /// CPU time that it gets whatever others want, in thousandths of one processor.
    pub reservation_milli: u32,
    /// Processors that it may run on, one bit each; `None` = all.
    pub cpu_mask: Option<u64>,
}

impl Default for Shares {
    fn default() -> Self {
        Self { weight: WEIGHT_DEFAULT, cap_milli: 0, reservation_milli: 0, cpu_mask: None }
    }
}

impl Shares {
    /// Reads `weight`, `cap` and `reservation` (percent of one processor) and `cpus`.
    pub(crate) fn read(table: &Table<'_>) -> Result<Self, ConfigError> {
        let weight = table.number("weight", 1..=WEIGHT_MAX)?;
        let cap = table.number("cap", 1..=PERCENT_MAX)?;
        let reservation = table.number("reservation", 0..=PERCENT_MAX)?;
        if let (Some(cap), Some(reservation)) = (cap, reservation)
            && reservation.value > cap.value
        {
            return Err(ConfigError::at(reservation.place, Problem::ReservationAboveCap));
        }
        let milli = |percent: u64| u32::try_from(percent).unwrap_or(0).saturating_mul(MILLI_PER_PERCENT);
        Ok(Self {
            weight: weight.and_then(|found| u32::try_from(found.value).ok()).unwrap_or(WEIGHT_DEFAULT),
            cap_milli: cap.map_or(0, |found| milli(found.value)),
            reservation_milli: reservation.map_or(0, |found| milli(found.value)),
            cpu_mask: read_cpus(table)?,
        })
    }
}

fn read_cpus(table: &Table<'_>) -> Result<Option<u64>, ConfigError> {
    let Some(numbers) = table.numbers("cpus", 0..=CPU_NUMBER_MAX, CPU_NUMBER_MAX as usize + 1)? else {
        return Ok(None);
    };
    let mut seen = Vec::with_capacity(numbers.len());
    for number in &numbers {
        if let Some((_, first)) = seen.iter().find(|(value, _)| *value == number.value) {
            let name = format!("{}", number.value);
            let problem = Problem::Duplicate { what: "processor", name, first: *first };
            return Err(ConfigError::at(number.place, problem));
        }
        seen.push((number.value, number.place));
    }
    if seen.is_empty() {
        let rule = "a list of at least one processor, or left out for all";
        return Err(ConfigError::at(table.place(), Problem::BadText { key: "cpus", rule }));
    }
    Ok(Some(seen.iter().fold(0, |mask, (value, _)| mask | 1u64 << value)))
}
