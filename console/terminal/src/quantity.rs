//! Bytes, times and counts as people read them.

use alloc::{format, string::String};

/// "12.3 MiB".
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (shift, unit) in UNITS {
        let whole = bytes >> shift;
        if whole > 0 {
            let rest = bytes & ((1u64 << shift) - 1);
            let tenths = (u128::from(rest) * 10) >> shift;
            return format!("{whole}.{tenths} {unit}");
        }
    }
    format!("{bytes} B")
}

/// "12.3M", "256M": for narrow tables.
pub(crate) fn short_bytes(count: u64) -> String {
    let text = bytes(count);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    let number = number.strip_suffix(".0").unwrap_or(number);
    format!("{number}{}", unit.get(..1).unwrap_or(""))
}

/// "12.345 s", "3 h 12 min", "0.123 ms".
pub(crate) fn time(nanoseconds: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let seconds = nanoseconds / SECOND;
    match seconds {
        0 => format!("{}.{:03} ms", nanoseconds / 1_000_000, nanoseconds / 1_000 % 1_000),
        1..=599 => format!("{seconds}.{:03} s", nanoseconds % SECOND / 1_000_000),
        600..=86_399 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// "12,345,678".
pub(crate) fn count(count: u64) -> String {
    let digits = format!("{count}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "12.3 %" of a whole; "-" of nothing.
pub(crate) fn share(part: u64, whole: u64) -> String {
    let Some(permille) = (u128::from(part) * 1_000).checked_div(u128::from(whole)) else { return "-".into() };
    format!("{}.{} %", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_well() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(256 << 20), "256.0 MiB");
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
        assert_eq!(short_bytes(256 << 20), "256M");
        assert_eq!(short_bytes(1536), "1.5K");
        assert_eq!(short_bytes(0), "0B");
        assert_eq!(time(1_234_567), "1.234 ms");
        assert_eq!(time(12_345_678_901), "12.345 s");
        assert_eq!(time(4 * 3_600_000_000_000), "4 h 00 min");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(share(1, 8), "12.5 %");
        assert_eq!(share(1, 0), "-");
    }
}
