//! Reads the text in a picture of a screen whose letters come from the font of PCs' video BIOSes: 8 by 16 dots, or
//! 9 by 16 where VGA puts a space between them, which Linux, memory testers and boot loaders use on frame buffers too.

use std::collections::HashMap;
use std::path::Path;

use test_emulator::Failure;

/// Where Debian's package seabios has a video BIOS; it brings the font.
const VIDEO_BIOS: &str = "/usr/share/seabios/vgabios-stdvga.bin";
/// Dots of a letter.
const WIDTH: usize = 8;
const HEIGHT: usize = 16;
/// Dots from a letter to the next.
const PITCHES: [usize; 2] = [WIDTH, WIDTH + 1];
/// The letter A of the font, by which it is found.
const LETTER_A: [u8; HEIGHT] = [0, 0, 0x10, 0x38, 0x6C, 0xC6, 0xC6, 0xFE, 0xC6, 0xC6, 0xC6, 0xC6, 0, 0, 0, 0];
/// The codes that are letters, digits and marks: the first and the last.
const CODES: [u8; 2] = [0x21, 0x7E];
/// Cells that are looked at to find out where letters begin.
const SAMPLES: usize = 200;
/// Letters that are wider in that font than in those that Linux and memory testers bring for frame buffers, where no space
/// stands between letters; as these have them.
const NARROWER: [(char, u128); 8] = [
    ('0', 0x0000386C_C6C6D6D6_C6C66C38_00000000),
    ('M', 0x0000C6EE_FEFED6C6_C6C6C6C6_00000000),
    ('T', 0x00007E7E_5A181818_1818183C_00000000),
    ('f', 0x00001C36_32307830_30303078_00000000),
    ('m', 0x00000000_00ECFED6_D6D6D6C6_00000000),
    ('v', 0x00000000_00C6C6C6_C6C66C38_00000000),
    ('w', 0x00000000_00C6C6D6_D6D6FE6C_00000000),
    ('x', 0x00000000_00C66C38_38386CC6_00000000),
];
/// What stands for a cell that is no letter of the font.
const UNKNOWN: char = '\u{FFFD}';

/// Letters by their dots, a bit each from the upper left on.
pub(crate) struct Font(HashMap<u128, char>);

/// A picture of a screen, a number for the colour of each dot.
pub(crate) struct Picture {
    width: usize,
    height: usize,
    dots: Vec<u32>,
}

impl Font {
    /// The font of the video BIOS that Debian has for virtual machines.
    pub(crate) fn of_video_bios() -> Result<Self, Failure> {
        let rom = read(Path::new(VIDEO_BIOS))?;
        Self::find(&rom).ok_or_else(|| Failure::Host(format!("{VIDEO_BIOS} has no font")))
    }

    /// The font in a ROM: 256 letters of 16 bytes in a row.
    fn find(rom: &[u8]) -> Option<Self> {
        let place = rom.windows(HEIGHT).position(|window| window == LETTER_A)?;
        let first = place.checked_sub(usize::from(b'A') * HEIGHT)?;
        let [low, high] = CODES;
        let mut letters = HashMap::new();
        for code in low..=high {
            let start = first + usize::from(code) * HEIGHT;
            let bytes = rom.get(start..start + HEIGHT)?.try_into().ok()?;
            letters.insert(u128::from_be_bytes(bytes), char::from(code));
        }
        letters.extend(NARROWER.map(|(letter, dots)| (dots, letter)));
        Some(Self(letters))
    }

    /// The letter of a cell: one colour is a space; of two, either may be the ink.
    fn letter(&self, cell: Cell) -> char {
        match cell {
            Cell::Plain => ' ',
            Cell::Colourful => UNKNOWN,
            Cell::Dots(dots) => {
                let letter = self.0.get(&dots).or_else(|| self.0.get(&!dots));
                letter.copied().unwrap_or(UNKNOWN)
            }
        }
    }

    /// The rows of text in a picture, wherever its upper left corner lies in it.
    pub(crate) fn read(&self, picture: &Picture) -> String {
        let edges = Edges::new(picture);
        let known = |grid: &Grid| {
            let inked = picture.places(*grid).filter(|(left, top)| edges.are_in_cell(*left, *top));
            let cells = inked.take(SAMPLES).map(|(left, top)| picture.cell(left, top));
            cells.filter(|cell| !matches!(self.letter(*cell), ' ' | UNKNOWN)).count()
        };
        let Some(grid) = Grid::all().max_by_key(known) else { return String::new() };
        let letters: Vec<char> =
            picture.places(grid).map(|(left, top)| self.letter(picture.cell(left, top))).collect();
        let rows = letters.chunks(picture.columns(grid).max(1));
        let rows = rows.map(|row| row.iter().collect::<String>().trim_end().to_string());
        rows.collect::<Vec<_>>().join("\n")
    }
}

/// Where letters stand.
#[derive(Clone, Copy)]
struct Grid {
    left: usize,
    top: usize,
    pitch: usize,
}

impl Grid {
    /// All that differ.
    fn all() -> impl Iterator<Item = Self> {
        PITCHES.into_iter().flat_map(|pitch| {
            (0..HEIGHT).flat_map(move |top| (0..pitch).map(move |left| Self { left, top, pitch }))
        })
    }
}

/// What a place for a letter shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    /// One colour.
    Plain,
    /// Two colours: a bit for each dot, set where it has not the colour of the first one.
    Dots(u128),
    /// More colours.
    Colourful,
}

impl Picture {
    /// Reads a file in PPM format (P6, 8 bits a colour).
    pub(crate) fn read(file: &Path) -> Result<Self, Failure> {
        let bytes = read(file)?;
        Self::parse(&bytes).ok_or_else(|| Failure::Host(format!("{} is no picture", file.display())))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut words = Vec::new();
        let mut at = 0;
        while words.len() < 4 {
            let rest = bytes.get(at..)?;
            let length = rest.iter().position(u8::is_ascii_whitespace)?;
            words.push(std::str::from_utf8(&rest[..length]).ok()?);
            at += length + 1;
        }
        let [kind, width, height, depth] = words.try_into().ok()?;
        let (width, height) = (width.parse().ok()?, height.parse().ok()?);
        let colour = |dot: &[u8; 3]| u32::from_be_bytes([0, dot[0], dot[1], dot[2]]);
        let dots: Vec<u32> = bytes.get(at..)?.as_chunks().0.iter().map(colour).collect();
        let is_whole = dots.len() == usize::checked_mul(width, height)?;
        (kind == "P6" && depth == "255" && is_whole).then_some(Self { width, height, dots })
    }

    /// The upper left corners of all places for letters, row by row.
    fn places(&self, grid: Grid) -> impl Iterator<Item = (usize, usize)> + 'static {
        let Grid { left, top, pitch } = grid;
        let columns = self.columns(grid);
        let rows = self.height.saturating_sub(top) / HEIGHT;
        (0..rows)
            .flat_map(move |row| (0..columns).map(move |column| (left + column * pitch, top + row * HEIGHT)))
    }

    fn columns(&self, grid: Grid) -> usize {
        self.width.saturating_sub(grid.left) / grid.pitch
    }

    fn cell(&self, left: usize, top: usize) -> Cell {
        let paper = self.dots[top * self.width + left];
        let mut ink = None;
        let mut bits = 0;
        for y in top..top + HEIGHT {
            let start = y * self.width + left;
            for dot in &self.dots[start..start + WIDTH] {
                let is_ink = *dot != paper;
                if is_ink && *ink.get_or_insert(*dot) != *dot {
                    return Cell::Colourful;
                }
                bits = bits << 1 | u128::from(is_ink);
            }
        }
        if ink.is_some() { Cell::Dots(bits) } else { Cell::Plain }
    }
}

/// How many dots above and to the left of each place differ from their left neighbours: tells empty places at once.
struct Edges {
    stride: usize,
    sums: Vec<u32>,
}

impl Edges {
    fn new(picture: &Picture) -> Self {
        let stride = picture.width + 1;
        let mut sums = vec![0; stride * (picture.height + 1)];
        for (y, line) in picture.dots.chunks(picture.width.max(1)).enumerate() {
            let mut in_line = 0;
            for x in 0..line.len() {
                in_line += u32::from(x > 0 && line[x] != line[x - 1]);
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + in_line;
            }
        }
        Self { stride, sums }
    }

    fn are_in_cell(&self, left: usize, top: usize) -> bool {
        let sum = |x: usize, y: usize| self.sums[y * self.stride + x];
        let (inner, right, bottom) = (left + 1, left + WIDTH, top + HEIGHT);
        sum(right, bottom) + sum(inner, top) != sum(inner, bottom) + sum(right, top)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::Host(format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ROM with a font somewhere: A as it is, all others unlike each other.
    fn rom() -> Vec<u8> {
        let mut rom = vec![0xFF; 100];
        for code in 0..=255u8 {
            if code == b'A' {
                rom.extend(LETTER_A);
            } else {
                rom.extend((0..16).map(|row: u8| (code ^ 0x55).wrapping_mul(row | 1) >> 1));
            }
        }
        rom
    }

    /// A picture with this text at this place, in these colours.
    fn picture(text: &str, grid: [usize; 3], [paper, ink]: [u32; 2]) -> Vec<u8> {
        let [left, top, pitch] = grid;
        let (width, height) = (200, 60);
        let mut dots = vec![paper; width * height];
        for (column, letter) in text.bytes().enumerate().filter(|(_, letter)| *letter != b' ') {
            for y in 0..HEIGHT {
                let row = rom()[100 + usize::from(letter) * HEIGHT + y];
                for x in (0..WIDTH).filter(|x| row & 0x80 >> x != 0) {
                    dots[(top + y) * width + left + column * pitch + x] = ink;
                }
            }
        }
        let mut bytes = format!("P6\n{width} {height}\n255\n").into_bytes();
        bytes.extend(dots.iter().flat_map(|dot| dot.to_be_bytes()[1..].to_vec()));
        bytes
    }

    fn text_in(bytes: &[u8]) -> String {
        let font = Font::find(&rom()).expect("the ROM has a font");
        font.read(&Picture::parse(bytes).expect("it is a picture")).trim().to_string()
    }

    #[test]
    fn text_is_read_wherever_it_stands_and_in_whatever_colours() {
        for grid in [[0, 0, 8], [8, 16, 8], [5, 3, 8], [15, 31, 8], [7, 5, 9]] {
            for colours in [[0, 0xFF_FFFF], [0xAA, 0x80_4020]] {
                assert_eq!(text_in(&picture("Take A seat", grid, colours)), "Take A seat");
            }
        }
    }

    #[test]
    fn what_is_no_letter_is_not_taken_for_one() {
        let mut bytes = picture("AAA", [0, 0, 8], [0, 0xFF]);
        let header = bytes.len() - 200 * 60 * 3;
        // A dot in the middle of the second letter, in a third colour.
        bytes[header + (200 * 7 + 11) * 3] = 9;
        assert_eq!(text_in(&bytes), format!("A{UNKNOWN}A"));
    }

    #[test]
    fn letters_of_fonts_for_frame_buffers_are_read_too() {
        let font = Font::find(&rom()).expect("the ROM has a font");
        for (letter, dots) in NARROWER {
            assert_eq!(font.letter(Cell::Dots(dots)), letter);
        }
    }

    #[test]
    fn what_is_no_whole_picture_is_refused() {
        let bytes = picture("A", [0, 0, 8], [0, 1]);
        assert!(Picture::parse(&bytes[..bytes.len() - 1]).is_none());
        assert!(Picture::parse(b"P5\n1 1\n255\n\0\0\0").is_none());
        assert!(Picture::parse(b"P6\n").is_none());
        assert!(Font::find(&[0; 5000]).is_none());
    }
}
