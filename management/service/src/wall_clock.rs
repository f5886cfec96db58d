//! The time of day, read once from the PC's real-time clock.

use crate::roots::Roots;
use management_supervisor::ClockReading;
use user_rt::{Error, IoRange, now};

const INDEX_PORT: u16 = 0x70;
const DATA_PORT: u16 = 0x71;
/// Registers A and B of the datasheet.
const REGISTER_STATUS: u8 = 0x0a;
const REGISTER_MODE: u8 = 0x0b;
/// The clock is changing its registers.
const STATUS_UPDATING: u8 = 1 << 7;
/// An update takes 2 ms at the most; a clock that is busy longer than this many looks is none.
const LOOKS_MAX: usize = 20_000;
/// Readings until two agree.
const READINGS_MAX: usize = 4;

/// Nanoseconds from 1970-01-01 00:00 UTC to the zero of the monotonic clock; `None` if the machine has no
/// clock that tells.
pub(crate) fn unix_nanos_at_zero(roots: &Roots) -> Option<u64> {
    let ports = IoRange::create(&roots.system, INDEX_PORT, 2).ok()?;
    let seconds = read_agreed(&ports)?.unix_seconds()?;
    seconds.checked_mul(1_000_000_000)?.checked_sub(now().raw())
}

/// A reading that was not torn by an update.
fn read_agreed(ports: &IoRange) -> Option<ClockReading> {
    let mut last = read(ports).ok()?;
    for _ in 0..READINGS_MAX {
        let next = read(ports).ok()?;
        if next == last {
            return Some(next);
        }
        last = next;
    }
    None
}

fn read(ports: &IoRange) -> Result<ClockReading, Error> {
    for _ in 0..LOOKS_MAX {
        if register(ports, REGISTER_STATUS)? & STATUS_UPDATING == 0 {
            break;
        }
    }
    Ok(ClockReading {
        second: register(ports, 0)?,
        minute: register(ports, 2)?,
        hour: register(ports, 4)?,
        day: register(ports, 7)?,
        month: register(ports, 8)?,
        year: register(ports, 9)?,
        mode: register(ports, REGISTER_MODE)?,
    })
}

fn register(ports: &IoRange, number: u8) -> Result<u8, Error> {
    ports.write_u8(INDEX_PORT, number)?;
    ports.read_u8(DATA_PORT)
}
