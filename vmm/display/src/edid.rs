//! What the screen says of itself: EDID 1.4 (VESA E-EDID Standard, Release A2).

use crate::Size;

/// Bytes of the description.
pub const EDID_BYTES: usize = 128;
/// Pixels per metre of glass that the screen claims: about 96 to the inch.
const PIXELS_PER_CENTIMETRE: u32 = 38;
/// Pictures in a second.
const RATE: u32 = 60;
/// Pixels of a line that show nothing.
const BLANK_WIDTH: u32 = 160;
/// Lines that show nothing.
const BLANK_HEIGHT: u32 = 35;
/// Standard sizes that a screen takes besides its own, 60 pictures a second (3.9): width and aspect.
const STANDARD: [(u32, u8); 6] = [
    (1920, ASPECT_16_9),
    (1680, ASPECT_16_10),
    (1600, ASPECT_4_3),
    (1440, ASPECT_16_10),
    (1280, ASPECT_5_4),
    (1280, ASPECT_16_10),
];
const ASPECT_16_10: u8 = 0b00 << 6;
const ASPECT_4_3: u8 = 0b01 << 6;
const ASPECT_5_4: u8 = 0b10 << 6;
const ASPECT_16_9: u8 = 0b11 << 6;

/// The description of a screen whose own size is `size`, of at most 4095 pixels each way.
pub fn edid(size: Size) -> [u8; EDID_BYTES] {
    let mut edid = [0; EDID_BYTES];
    put(&mut edid, 0, &[0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0]);
    // 3.4: maker "CRT" (five bits a letter), product, serial number, week, year - 1990; version 1.4.
    put(&mut edid, 8, &[0x0E, 0x54, 0x01, 0x00, 1, 0, 0, 0, 1, 36, 1, 4]);
    // 3.6: digital with 8 bits a colour; size in cm; gamma 2.2; sRGB, the first timing is its own.
    let centimetres = |pixels: u32| (pixels / PIXELS_PER_CENTIMETRE).min(0xFF) as u8;
    put(&mut edid, 20, &[0xA5, centimetres(size.width), centimetres(size.height), 120, 0x06]);
    // 3.7: the colours of sRGB.
    put(&mut edid, 25, &[0xEE, 0x91, 0xA3, 0x54, 0x4C, 0x99, 0x26, 0x0F, 0x50, 0x54]);
    // 3.8: 640x480, 800x600 and 1024x768 at 60 Hz.
    put(&mut edid, 35, &[0x21, 0x08, 0x00]);
    // 3.9: 0101h is no timing.
    put(&mut edid, 38, &[1; 16]);
    for (place, (width, aspect)) in (38..54).step_by(2).zip(STANDARD) {
        put(&mut edid, place, &[((width / 8).saturating_sub(31)) as u8, aspect]);
    }
    put(&mut edid, 54, &detailed_timing(size));
    put(&mut edid, 72, b"\0\0\0\xFC\0Corten\n      ");
    // 3.10.3.3: 50 to 125 Hz, 30 to 160 kHz, 300 MHz at the most, no formula.
    put(&mut edid, 90, b"\0\0\0\xFD\0\x32\x7D\x1E\xA0\x1E\x01\n      ");
    // 3.10.3.11: nothing here.
    put(&mut edid, 108, b"\0\0\0\x10");
    let sum = edid.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    put(&mut edid, EDID_BYTES - 1, &[sum.wrapping_neg()]);
    edid
}

/// The timing of the screen's own size (3.10.2).
fn detailed_timing(size: Size) -> [u8; 18] {
    let Size { width, height } = size;
    let pixels = width.saturating_add(BLANK_WIDTH).saturating_mul(height.saturating_add(BLANK_HEIGHT));
    // In units of 10 kHz.
    let [clock_low, clock_high, ..] = (pixels.saturating_mul(RATE) / 10_000).to_le_bytes();
    let millimetres = |pixels: u32| pixels.saturating_mul(10) / PIXELS_PER_CENTIMETRE;
    let (wide, high) = (millimetres(width), millimetres(height));
    let uppers = |first: u32, second: u32| ((first >> 8 & 0xF) << 4 | second >> 8 & 0xF) as u8;
    [
        clock_low,
        clock_high,
        width as u8,
        BLANK_WIDTH as u8,
        uppers(width, BLANK_WIDTH),
        height as u8,
        BLANK_HEIGHT as u8,
        uppers(height, BLANK_HEIGHT),
        // Synchronisation: 48 pixels later for 32, 3 lines later for 6.
        48,
        32,
        3 << 4 | 6,
        0,
        wide as u8,
        high as u8,
        uppers(wide, high),
        0,
        0,
        // Separate digital synchronisation, the horizontal one positive.
        0x1A,
    ]
}

/// Copies a part of the description to its place, as far as there is room.
fn put(edid: &mut [u8; EDID_BYTES], at: usize, part: &[u8]) {
    for (to, from) in edid.iter_mut().skip(at).zip(part) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_all_bytes_is_zero_and_the_native_size_is_told() {
        let edid = edid(Size { width: 1280, height: 800 });

        assert_eq!(edid.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
        assert_eq!(u32::from(edid[56]) | u32::from(edid[58] >> 4) << 8, 1280);
        assert_eq!(u32::from(edid[59]) | u32::from(edid[61] >> 4) << 8, 800);
        assert_eq!(u32::from(edid[54]) | u32::from(edid[55]) << 8, (1440 * 835 * 60) / 10_000);
    }
}
