//! The check sequence at the end of a frame (IEEE 802.3, 3.2.9).

/// The polynomial, reflected.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// What four bits do to the remainder.
const TABLE: [u32; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 4 {
            value = if value & 1 != 0 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

/// The four bytes that follow a frame on the wire.
pub(super) fn check_sequence(frame: &[u8]) -> [u8; 4] {
    let nibble = |remainder: u32| {
        let entry = TABLE.get((remainder & 0xF) as usize).copied().unwrap_or(0);
        remainder >> 4 ^ entry
    };
    let remainder = frame.iter().fold(!0u32, |remainder, byte| nibble(nibble(remainder ^ u32::from(*byte))));
    (!remainder).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::check_sequence;

    #[test]
    fn the_sequence_of_the_standards_check_string_is_known() {
        assert_eq!(check_sequence(b"123456789"), 0xCBF4_3926u32.to_le_bytes());
    }
}
