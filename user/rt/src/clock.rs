//! The monotonic clock and other facts that every program may know, without a system call each.

use crate::once::Once;
use crate::syscall::{call0, call1};
use abi::{Error, Syscall, SystemInfo};
use base_units::Nanos;
use zerocopy::FromZeros;

static SYSTEM_INFO: Once<SystemInfo> = Once::new();

/// Facts about the machine. Asked of the kernel once.
pub fn system_info() -> &'static SystemInfo {
    SYSTEM_INFO.get_or_init(|| read_system_info().unwrap_or_else(|_| SystemInfo::new_zeroed()))
}

fn read_system_info() -> Result<SystemInfo, Error> {
    let mut info = SystemInfo::new_zeroed();
    let pointer = core::ptr::from_mut(&mut info).expose_provenance() as u64;
    // SAFETY: the structure is writable and any bytes are a valid value of it.
    unsafe { call1(Syscall::SystemInfo, pointer) }?;
    Ok(info)
}

/// The monotonic clock, from the time stamp counter.
pub fn now() -> Nanos {
    let info = system_info();
    if info.tsc_multiplier == 0 {
        return read_clock();
    }
    nanos_of_ticks(read_ticks().wrapping_sub(info.tsc_start), info.tsc_multiplier)
}

/// The monotonic clock, asked of the kernel.
pub fn read_clock() -> Nanos {
    // SAFETY: the call takes no pointers and cannot fail.
    Nanos::new(unsafe { call0(Syscall::ClockGet) }.map_or(0, |(nanos, _)| nanos))
}

/// The time stamp counter.
#[inline(always)]
pub fn read_ticks() -> u64 {
    // SAFETY: the kernel leaves RDTSC enabled in ring 3.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Ticks as time: (ticks * multiplier) >> 32, without losing the upper half of the product.
fn nanos_of_ticks(ticks: u64, multiplier: u64) -> Nanos {
    let product = u128::from(ticks) * u128::from(multiplier);
    Nanos::new((product >> 32) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_of_ticks_does_not_overflow() {
        let hz: u64 = 4_000_000_000;
        let multiplier = ((1u128 << 32) * 1_000_000_000 / u128::from(hz)) as u64;
        let year = 365 * 86_400;

        assert_eq!(nanos_of_ticks(hz * year, multiplier), Nanos::new(year * 1_000_000_000));
    }
}
