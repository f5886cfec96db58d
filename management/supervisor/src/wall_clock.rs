//! The time of day from the PC's real-time clock (Motorola MC146818A datasheet, tables 3 to 5).

/// The registers that tell the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClockReading {
    /// Register 0.
    pub second: u8,
    /// Register 2.
    pub minute: u8,
    /// Register 4.
    pub hour: u8,
    /// Register 7.
    pub day: u8,
    /// Register 8.
    pub month: u8,
    /// Register 9: year in its century.
    pub year: u8,
    /// Register B: how the others count.
    pub mode: u8,
}

const MODE_24_HOURS: u8 = 1 << 1;
const MODE_BINARY: u8 = 1 << 2;
const HOUR_PM: u8 = 1 << 7;
const CENTURY: u64 = 2000;

impl ClockReading {
    /// Seconds from 1970-01-01 00:00 UTC, taking the clock to show UTC in this century; `None` if
    /// it shows no time at all.
    pub fn unix_seconds(&self) -> Option<u64> {
        let number = |raw: u8| if self.mode & MODE_BINARY != 0 { Some(raw) } else { from_decimal(raw) };
        let (second, minute) = (number(self.second)?, number(self.minute)?);
        let (day, month) = (number(self.day)?, number(self.month)?);
        let hour = self.hour_of_day(number(self.hour & !HOUR_PM)?)?;
        let is_time = second < 60 && minute < 60 && hour < 24;
        let is_date = (1..=31).contains(&day) && (1..=12).contains(&month);
        if !is_time || !is_date {
            return None;
        }
        let year = CENTURY + u64::from(number(self.year).filter(|year| *year < 100)?);
        let days = days_since_1970(year, u64::from(month), u64::from(day));
        Some(days * 86_400 + u64::from(hour) * 3_600 + u64::from(minute) * 60 + u64::from(second))
    }

    fn hour_of_day(&self, hour: u8) -> Option<u8> {
        if self.mode & MODE_24_HOURS != 0 {
            return Some(hour);
        }
        // 12 am is midnight, 12 pm noon.
        let half = if self.hour & HOUR_PM != 0 { 12 } else { 0 };
        (1..=12).contains(&hour).then_some(hour % 12 + half)
    }
}

fn from_decimal(raw: u8) -> Option<u8> {
    let (tens, ones) = (raw >> 4, raw & 0x0f);
    (tens < 10 && ones < 10).then_some(tens * 10 + ones)
}

/// Days of the Gregorian calendar, with years that begin in March so that the leap day comes last.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    const DAYS_TO_1970: u64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_of_year = (153 * month + 2) / 5 + day - 1;
    let days_of_years = year * 365 + year / 4 - year / 100 + year / 400;
    days_of_years + days_of_year - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BINARY: u8 = MODE_BINARY | MODE_24_HOURS;

    #[test]
    fn known_days_have_their_number() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 3, 1), 11_017);
        assert_eq!(days_since_1970(2026, 1, 1), 20_454);
    }

    #[test]
    fn the_modes_of_the_clock_agree() {
        let binary =
            ClockReading { second: 56, minute: 34, hour: 23, day: 29, month: 2, year: 28, mode: BINARY };
        let decimal = ClockReading {
            second: 0x56,
            minute: 0x34,
            hour: 0x11 | HOUR_PM,
            day: 0x29,
            month: 0x02,
            year: 0x28,
            mode: 0,
        };

        assert_eq!(binary.unix_seconds(), Some(1_835_480_096));
        assert_eq!(decimal.unix_seconds(), binary.unix_seconds());
    }

    #[test]
    fn midnight_and_noon_are_twelve() {
        let at =
            |hour| ClockReading { hour, day: 1, month: 1, year: 0, ..ClockReading::default() }.unix_seconds();

        assert_eq!(at(0x12), Some(946_684_800));
        assert_eq!(at(0x12 | HOUR_PM), Some(946_684_800 + 12 * 3_600));
    }

    #[test]
    fn an_empty_bus_shows_no_time() {
        let all = |raw| ClockReading {
            second: raw,
            minute: raw,
            hour: raw,
            day: raw,
            month: raw,
            year: raw,
            mode: raw,
        };

        assert_eq!(all(0xff).unix_seconds(), None);
        assert_eq!(all(0).unix_seconds(), None);
    }

    proptest! {
        #[test]
        fn no_reading_panics(raw in any::<[u8; 7]>()) {
            let [second, minute, hour, day, month, year, mode] = raw;
            let _ = ClockReading { second, minute, hour, day, month, year, mode }.unix_seconds();
        }
    }
}
