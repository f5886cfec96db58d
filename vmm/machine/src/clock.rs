//! The paravirtual clock: how a guest turns its TSC into time without asking anybody
//! (Linux, Documentation/virt/kvm/x86/msr.rst).

/// Bytes of a time record: `struct pvclock_vcpu_time_info`.
pub const TIME_RECORD_BYTES: usize = 32;
/// Bytes of a wall clock record: `struct pvclock_wall_clock`.
pub const WALL_RECORD_BYTES: usize = 12;

/// Time record flag: the clock is the same on all vCPUs.
const STABLE: u8 = 1 << 0;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds = ((ticks << `shift`) * `multiplier`) >> 32; a negative shift goes right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockScale {
    /// Between 2^31 and 2^32, so that no precision is wasted.
    pub multiplier: u32,
    /// Power of two by which ticks are scaled first.
    pub shift: i8,
}

impl ClockScale {
    /// The scale of a TSC with so many ticks per second; a clock that stands still for zero.
    pub fn new(tsc_hz: u64) -> Self {
        if tsc_hz == 0 {
            return Self { multiplier: 0, shift: 0 };
        }
        // Nanoseconds per tick as a fraction of 2^64, brought into 32 bits.
        let fraction = (u128::from(NANOS_PER_SECOND) << 64) / u128::from(tsc_hz);
        let excess = 96 - fraction.leading_zeros() as i32;
        let multiplier = if excess >= 0 { fraction >> excess } else { fraction << -excess };
        // The multiplier stands for `multiplier * 2^(excess - 64)`, the formula divides by 2^32.
        Self { multiplier: multiplier as u32, shift: (excess - 32) as i8 }
    }

    /// The time after so many ticks, as the guest computes it.
    pub fn nanos(self, ticks: u64) -> u64 {
        let scaled = if self.shift >= 0 {
            ticks.checked_shl(self.shift as u32).unwrap_or(0)
        } else {
            ticks.checked_shr(u32::from(self.shift.unsigned_abs())).unwrap_or(0)
        };
        ((u128::from(scaled) * u128::from(self.multiplier)) >> 32) as u64
    }

    /// The record for a guest whose TSC was zero at its time zero. The first word is the version, which the
    /// writer fills in: odd while the rest is being written.
    pub fn time_record(self) -> [u8; TIME_RECORD_BYTES] {
        let mut record = [0; TIME_RECORD_BYTES];
        record[24..28].copy_from_slice(&self.multiplier.to_le_bytes());
        record[28] = self.shift.to_le_bytes()[0];
        record[29] = STABLE;
        record
    }
}

/// The record that says when the guest's time zero was: nanoseconds since 1970. The first word is the version.
pub fn wall_record(unix_nanos: u64) -> [u8; WALL_RECORD_BYTES] {
    let mut record = [0; WALL_RECORD_BYTES];
    // The interface has 32 bits for seconds.
    record[4..8].copy_from_slice(&((unix_nanos / NANOS_PER_SECOND) as u32).to_le_bytes());
    record[8..12].copy_from_slice(&((unix_nanos % NANOS_PER_SECOND) as u32).to_le_bytes());
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_gigahertz_counts_nanoseconds() {
        let scale = ClockScale::new(NANOS_PER_SECOND);

        assert_eq!(scale, ClockScale { multiplier: 1 << 31, shift: 1 });
        assert_eq!(scale.nanos(12_345), 12_345);
    }

    #[test]
    fn records_have_their_fields_in_place() {
        let record = ClockScale { multiplier: 0x0403_0201, shift: -1 }.time_record();
        assert_eq!(record[24..30], [1, 2, 3, 4, 0xFF, 1]);
        let wall = wall_record(3 * NANOS_PER_SECOND + 5);
        assert_eq!(wall, [0, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn a_day_is_right_to_the_millisecond(hz in 1_000_000u64..10_000_000_000, seconds in 1u64..86_400) {
            let scale = ClockScale::new(hz);

            let nanos = scale.nanos(hz * seconds);

            prop_assert!(scale.multiplier >= 1 << 31);
            let difference = nanos.abs_diff(seconds * NANOS_PER_SECOND);
            prop_assert!(difference < 1_000_000, "{difference} ns");
        }
    }
}
