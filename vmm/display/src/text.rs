//! A text screen as characters.

use alloc::{string::String, vec::Vec};
use core::fmt::{self, Write};

/// The characters above 0x7F and below 0x20 as the PC's fonts show them (code page 437).
const UPPER: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ', 'ô', 'ö',
    'ò', 'û', 'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ', 'ª', 'º', '¿', '⌐',
    '¬', '½', '¼', '¡', '«', '»', '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕', '╣', '║', '╗', '╝', '╜', '╛',
    '┐', '└', '┴', '┬', '├', '─', '┼', '╞', '╟', '╚', '╔', '╩', '╦', '╠', '═', '╬', '╧', '╨', '╤', '╥', '╙',
    '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█', '▄', '▌', '▐', '▀', 'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ',
    'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩', '≡', '±', '≥', '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²',
    '■', ' ',
];
const LOWER: [char; 32] = [
    ' ', '☺', '☻', '♥', '♦', '♣', '♠', '•', '◘', '○', '◙', '♂', '♀', '♪', '♫', '☼', '►', '◄', '↕', '‼', '¶',
    '§', '▬', '↨', '↑', '↓', '→', '←', '∟', '↔', '▲', '▼',
];

/// A character and its attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TextCell {
    /// Its number in the font.
    pub character: u8,
    /// Colours: paper in the upper four bits, ink in the lower ones.
    pub attribute: u8,
}

/// What a text screen shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextPage {
    /// Characters in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// All cells, row by row.
    pub cells: Vec<TextCell>,
    /// Column and row of the cursor, if it is shown.
    pub cursor: Option<(u32, u32)>,
}

impl TextPage {
    /// One row as characters, without the spaces at its end.
    pub fn row(&self, row: u32) -> String {
        let columns = self.columns as usize;
        let first = (row as usize).saturating_mul(columns);
        let cells = self.cells.iter().skip(first).take(columns);
        let mut text: String = cells.map(|cell| character(cell.character)).collect();
        text.truncate(text.trim_end_matches(' ').len());
        text
    }
}

/// All rows, a line each.
impl fmt::Display for TextPage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in 0..self.rows {
            out.write_str(&self.row(row))?;
            out.write_char('\n')?;
        }
        Ok(())
    }
}

/// The character that a PC's font has at a place.
fn character(code: u8) -> char {
    match code {
        0x20..0x7F => char::from(code),
        0x7F => '⌂',
        _ => {
            let upper = code.checked_sub(0x80).and_then(|index| UPPER.get(usize::from(index)));
            upper.or_else(|| LOWER.get(usize::from(code))).copied().unwrap_or(' ')
        }
    }
}
