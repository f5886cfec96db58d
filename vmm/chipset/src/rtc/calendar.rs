//! Days and seconds to dates and back (proleptic Gregorian calendar, UTC).

use serde::{Deserialize, Serialize};

/// Seconds of one day.
pub(super) const DAY_SECONDS: u64 = 86_400;
/// Days of four centuries.
const ERA_DAYS: u64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: u64 = 719_468;

/// A date and a time of day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct DateTime {
    /// Year, 1970 to 9999.
    pub(super) year: u64,
    /// 1 to 12.
    pub(super) month: u64,
    /// 1 to 31.
    pub(super) day: u64,
    /// 1 = Sunday.
    pub(super) weekday: u64,
    pub(super) hour: u64,
    pub(super) minute: u64,
    pub(super) second: u64,
}

impl DateTime {
    /// The date `seconds` after 1970-01-01 00:00. Counts years from March, so that the leap day is the
    /// last of the year (the algorithm is the one of Howard Hinnant's "chrono-compatible low-level
    /// date algorithms").
    pub(super) fn from_unix(seconds: u64) -> Self {
        let of_day = seconds % DAY_SECONDS;
        let days = seconds / DAY_SECONDS;
        let shifted = days.saturating_add(EPOCH_DAYS);
        let (era, of_era) = (shifted / ERA_DAYS, shifted % ERA_DAYS);
        let year_of_era = of_era
            .saturating_sub(of_era / 1460)
            .saturating_add(of_era / 36_524)
            .saturating_sub(of_era / 146_096)
            / 365;
        let before = days_before_year(year_of_era);
        let of_year = of_era.saturating_sub(before);
        let march_month = of_year.saturating_mul(5).saturating_add(2) / 153;
        let day = of_year.saturating_sub(days_before_month(march_month)).saturating_add(1);
        let month =
            if march_month < 10 { march_month.saturating_add(3) } else { march_month.saturating_sub(9) };
        let year = era.saturating_mul(400).saturating_add(year_of_era).saturating_add(u64::from(month <= 2));
        // 1970-01-01 was a Thursday, the fifth day.
        let weekday = (days.saturating_add(4) % 7).saturating_add(1);
        Self { year, month, day, weekday, hour: of_day / 3600, minute: of_day / 60 % 60, second: of_day % 60 }
    }

    /// Seconds since 1970. What lies outside of the calendar (month 0, day 40) is pulled into it first:
    /// software wrote it register by register.
    pub(super) fn to_unix(self) -> u64 {
        let month = self.month.clamp(1, 12);
        let year = self.year.clamp(1970, 9999).saturating_sub(u64::from(month <= 2));
        let march_month = if month > 2 { month.saturating_sub(3) } else { month.saturating_add(9) };
        let of_year = days_before_month(march_month).saturating_add(self.day.clamp(1, 31)).saturating_sub(1);
        let of_era = days_before_year(year % 400).saturating_add(of_year);
        let days = (year / 400).saturating_mul(ERA_DAYS).saturating_add(of_era).saturating_sub(EPOCH_DAYS);
        days.saturating_mul(DAY_SECONDS)
            .saturating_add(self.hour.min(23).saturating_mul(3600))
            .saturating_add(self.minute.min(59).saturating_mul(60))
            .saturating_add(self.second.min(59))
    }
}

/// Days before March 1st of a year of an era.
fn days_before_year(year: u64) -> u64 {
    year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100)
}

/// Days from March 1st to the first of a month; March is 0.
fn days_before_month(month: u64) -> u64 {
    month.saturating_mul(153).saturating_add(2) / 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates_are_right() {
        let date = DateTime::from_unix(1_709_164_800);
        assert_eq!((date.year, date.month, date.day, date.weekday), (2024, 2, 29, 5));
        let date = DateTime::from_unix(951_868_799);
        assert_eq!((date.year, date.month, date.day), (2000, 2, 29));
        assert_eq!((date.hour, date.minute, date.second), (23, 59, 59));
    }

    proptest! {
        #[test]
        fn every_second_is_the_second_of_its_date(seconds in 0u64..200_000_000_000) {
            prop_assert_eq!(DateTime::from_unix(seconds).to_unix(), seconds);
        }
    }
}
