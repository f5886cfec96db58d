//! The shapes of characters: Spleen 8x16 by Frederic Cambus (BSD-2-Clause).

use spleen_font::FONT_8X16;

/// Width of a character in pixels.
pub(crate) const GLYPH_WIDTH: usize = 8;
/// Height of a character in pixels.
pub(crate) const GLYPH_HEIGHT: usize = 16;
/// The file is PSF version 1: four bytes of header, then one byte for each row of each character.
const HEADER_BYTES: usize = 4;

/// One row of an ASCII character, the leftmost pixel in the highest bit.
pub(crate) fn glyph_row(character: u8, row: usize) -> u8 {
    let index = HEADER_BYTES + usize::from(character) * GLYPH_HEIGHT + row;
    FONT_8X16.get(index).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_is_what_the_reader_expects() {
        assert_eq!(FONT_8X16.get(..2), Some(&[0x36, 0x04][..]));
        assert_eq!(FONT_8X16.get(3), Some(&(GLYPH_HEIGHT as u8)));
    }

    #[test]
    fn letters_have_ink_and_the_blank_has_none() {
        let ink =
            |character| (0..GLYPH_HEIGHT).map(|row| glyph_row(character, row).count_ones()).sum::<u32>();

        assert_eq!(ink(b' '), 0);
        assert!((b'!'..=b'~').all(|character| (1..=100).contains(&ink(character))));
        // A minus is one horizontal bar, an H two vertical ones.
        assert_eq!((0..GLYPH_HEIGHT).filter(|row| glyph_row(b'-', *row) != 0).count(), 1);
        assert!((0..GLYPH_HEIGHT).filter(|row| glyph_row(b'H', *row) == 0b1100_0110).count() >= 8);
    }
}
