//! The guest's time stamp counter: the host's, at a rate and with an offset of its own.

use abi::Error;

/// How much faster or slower than the host's a guest's counter may be.
const FACTOR_MAX: u64 = 16;

/// Guest TSC = host TSC * rate / host's rate + offset, as the hardware computes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GuestTsc {
    /// Ticks per second; 0 = as many as the host's.
    rate_hz: u64,
    /// The ratio of the rates, with `fraction_bits` bits below the point.
    multiplier: u64,
    /// 0 where the hardware knows no ratios.
    fraction_bits: u32,
    offset: u64,
}

impl GuestTsc {
    /// The host's counter. `fraction_bits` is [`super::Facts::tsc_fraction_bits`].
    pub(super) const fn new(fraction_bits: u32) -> Self {
        Self { rate_hz: 0, multiplier: 1 << fraction_bits, fraction_bits, offset: 0 }
    }

    /// Ticks per second as set; 0 = as many as the host's.
    pub(super) const fn rate_hz(&self) -> u64 {
        self.rate_hz
    }

    /// The ratio for the hardware.
    pub(super) const fn multiplier(&self) -> u64 {
        self.multiplier
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn set_offset(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// Sets the rate: `rate_hz` where the host has `host_hz`; 0 = the host's. The offset stays.
    ///
    /// # Errors
    /// `Unsupported` if the hardware knows no ratios, `BadArgument` for one out of reach.
    pub(super) fn set_rate(&mut self, rate_hz: u64, host_hz: u64) -> Result<(), Error> {
        if rate_hz == 0 || rate_hz == host_hz {
            self.rate_hz = rate_hz;
            self.multiplier = 1 << self.fraction_bits;
            return Ok(());
        }
        if self.fraction_bits == 0 {
            return Err(Error::Unsupported);
        }
        let is_near = host_hz.checked_div(rate_hz).is_some_and(|factor| factor < FACTOR_MAX)
            && rate_hz.checked_div(host_hz).is_some_and(|factor| factor < FACTOR_MAX);
        let ratio = (u128::from(rate_hz) << self.fraction_bits).checked_div(u128::from(host_hz));
        let multiplier =
            ratio.and_then(|ratio| u64::try_from(ratio).ok()).filter(|ratio| is_near && *ratio != 0);
        self.multiplier = multiplier.ok_or(Error::BadArgument)?;
        self.rate_hz = rate_hz;
        Ok(())
    }

    /// The guest's counter when the host's is at `ticks`.
    #[inline]
    pub(super) const fn at(&self, ticks: u64) -> u64 {
        self.scaled(ticks).wrapping_add(self.offset)
    }

    /// The host's counter when the guest's, which has not passed it yet, gets to `deadline`. It is `ticks` now.
    pub(super) fn host_ticks(&self, deadline: u64, ticks: u64) -> u64 {
        let rest = deadline.saturating_sub(self.at(ticks));
        if self.fraction_bits == 0 {
            return ticks.saturating_add(rest);
        }
        // Upwards: an early timer would find that its time has not come.
        let wait = (u128::from(rest) << self.fraction_bits).div_ceil(u128::from(self.multiplier.max(1)));
        ticks.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    #[inline]
    const fn scaled(&self, ticks: u64) -> u64 {
        if self.fraction_bits == 0 {
            return ticks;
        }
        ((ticks as u128 * self.multiplier as u128) >> self.fraction_bits) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOST_HZ: u64 = 2_000_000_000;

    #[test]
    fn without_ratios_only_the_host_s_rate_is_taken() {
        let mut tsc = GuestTsc::new(0);

        assert_eq!(tsc.set_rate(HOST_HZ, HOST_HZ), Ok(()));
        assert_eq!(tsc.set_rate(HOST_HZ / 2, HOST_HZ), Err(Error::Unsupported));
        assert_eq!((tsc.at(1000), tsc.host_ticks(1500, 1000)), (1000, 1500));
    }

    #[test]
    fn a_slower_counter_runs_slower() {
        let mut tsc = GuestTsc::new(48);
        tsc.set_rate(HOST_HZ / 2, HOST_HZ).unwrap();
        tsc.set_offset(7);

        assert_eq!(tsc.at(1000), 507);
        assert_eq!(tsc.host_ticks(607, 1000), 1200);
    }

    #[test]
    fn ratios_out_of_reach_are_refused_and_change_nothing() {
        let mut tsc = GuestTsc::new(48);
        let before = tsc;

        for rate in [1, HOST_HZ / 16, HOST_HZ * 16, u64::MAX] {
            assert_eq!(tsc.set_rate(rate, HOST_HZ), Err(Error::BadArgument), "{rate}");
        }
        assert_eq!(tsc.set_rate(5, 0), Err(Error::BadArgument));
        assert_eq!(tsc, before);
    }

    proptest! {
        #[test]
        fn a_deadline_has_come_at_its_tick_and_not_long_before(
            rate in HOST_HZ / 15..HOST_HZ * 15, ticks in 0u64..1 << 50, rest in 1u64..1 << 40, offset: u64,
        ) {
            let mut tsc = GuestTsc::new(48);
            tsc.set_rate(rate, HOST_HZ).unwrap();
            tsc.set_offset(offset);
            let Some(deadline) = tsc.at(ticks).checked_add(rest) else { return Ok(()) };
            prop_assume!(tsc.at(ticks).checked_add(1 << 50).is_some());

            let at = tsc.host_ticks(deadline, ticks);

            prop_assert!(tsc.at(at + 1) >= deadline);
            prop_assert!(tsc.at(at - 1) < deadline + 16);
        }
    }
}
