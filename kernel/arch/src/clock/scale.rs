//! Ticks of a known frequency as nanoseconds, in fixed point.

use core::arch::asm;

/// Nanoseconds in a second.
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A frequency. Having one proves that it is above 1 Hz and below 2^32 GHz, so that nothing overflows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    hz: u64,
    /// Nanoseconds per tick, times 2^32.
    multiplier: u64,
}

impl Scale {
    /// The scale for `hz` ticks per second; `None` for frequencies that no TSC has.
    pub fn new(hz: u64) -> Option<Self> {
        let is_sane = (1_000_000..=100_000_000_000).contains(&hz);
        let multiplier = (u128::from(NANOS_PER_SECOND) << 32) / u128::from(hz.max(1));
        is_sane.then_some(Self { hz, multiplier: u64::try_from(multiplier).ok()? })
    }

    /// Ticks per second.
    pub const fn hz(self) -> u64 {
        self.hz
    }

    /// Nanoseconds = (ticks * multiplier) >> 32.
    pub const fn multiplier(self) -> u64 {
        self.multiplier
    }

    /// So many ticks in nanoseconds, rounded down.
    #[inline(always)]
    pub const fn to_ns(self, ticks: u64) -> u64 {
        let wide = (ticks as u128 * self.multiplier as u128) >> 32;
        if wide > u64::MAX as u128 { u64::MAX } else { wide as u64 }
    }

    /// The fewest ticks that are at least `ns`; `u64::MAX` if that does not fit.
    #[inline(always)]
    pub fn to_ticks(self, ns: u64) -> u64 {
        // ceil((ns << 32) / multiplier), whose quotient fits 64 bits exactly if the upper half of the dividend is below the divisor.
        if ns >> 32 >= self.multiplier {
            return u64::MAX;
        }
        let (quotient, rest): (u64, u64);
        // One instruction instead of the some hundred of a 128-bit division in software: deadlines are set often.
        // SAFETY: the divisor is not zero and the quotient fits, as checked above; DIV changes nothing but the two registers.
        unsafe {
            asm!("div {divisor}", divisor = in(reg) self.multiplier,
                inout("rdx") ns >> 32 => rest, inout("rax") ns << 32 => quotient, options(pure, nomem, nostack));
        }
        if rest == 0 { quotient } else { quotient.saturating_add(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_deadline_is_the_first_tick_that_reaches_it(hz in 1_000_000_u64..10_000_000_000, ns in 0_u64..1 << 60) {
            let scale = Scale::new(hz).unwrap();
            let ticks = scale.to_ticks(ns);

            if ticks != u64::MAX {
                prop_assert!(scale.to_ns(ticks) >= ns);
                prop_assert!(ticks == 0 || scale.to_ns(ticks - 1) < ns);
            }
        }
    }

    #[test]
    fn what_does_not_fit_saturates() {
        let scale = Scale::new(5_000_000_000).unwrap();

        assert_eq!(scale.to_ticks(u64::MAX), u64::MAX);
        assert_eq!(Scale::new(0), None);
    }
}
