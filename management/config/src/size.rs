//! Sizes as people write them: "512K", "256M", "4G".

/// The bytes that `text` means: decimal digits and K, M, G or T (powers of 1024), or none of them
/// for bytes. `None` if it is no size or does not fit 64 bits.
pub fn parse_size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'K' | b'k' => (text.get(..text.len() - 1)?, 1 << 10),
        b'M' | b'm' => (text.get(..text.len() - 1)?, 1 << 20),
        b'G' | b'g' => (text.get(..text.len() - 1)?, 1 << 30),
        b'T' | b't' => (text.get(..text.len() - 1)?, 1 << 40),
        _ => (text, 1u64),
    };
    // `parse` alone would take a leading plus sign.
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    #[test]
    fn units_are_powers_of_1024() {
        assert_eq!(parse_size("512K"), Some(512 << 10));
        assert_eq!(parse_size("256M"), Some(256 << 20));
        assert_eq!(parse_size("4G"), Some(4 << 30));
        assert_eq!(parse_size("1t"), Some(1 << 40));
        assert_eq!(parse_size("4096"), Some(4096));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in
            ["", "M", "-1M", "+1M", "1.5G", "256MB", "1 G", "99999999999999999999", "99999999999T", "é"]
        {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<alloc::string::String>()) {
            let _ = parse_size(&text);
        }

        #[test]
        fn written_sizes_come_back(count in 0u64..1 << 30) {
            prop_assert_eq!(parse_size(&format!("{count}M")), Some(count << 20));
        }
    }
}
