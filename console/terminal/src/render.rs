//! Cells onto a screen: a linear framebuffer or VGA's text memory.
//!
//! Screen memory is slow to write and slower to read, so what was drawn last is remembered and
//! only cells that changed are drawn.

use crate::{
    font::{GLYPH_HEIGHT, GLYPH_WIDTH, glyph_row},
    grid::{Cell, Grid},
};
use alloc::{vec, vec::Vec};

/// More cells than this in a row or column are left unused.
const CELLS_MAX: u32 = 256;
const PIXEL_BYTES: usize = 4;
const TEXT_CELL_BYTES: usize = 2;

/// The colours of VGA's text attributes, 0x00RRGGBB.
const PALETTE: [u32; 16] = [
    0x00_0000, 0x00_00aa, 0x00_aa00, 0x00_aaaa, 0xaa_0000, 0xaa_00aa, 0xaa_5500, 0xaa_aaaa, 0x55_5555,
    0x55_55ff, 0x55_ff55, 0x55_ffff, 0xff_5555, 0xff_55ff, 0xff_ff55, 0xff_ffff,
];

/// The memory of a screen.
pub trait Canvas {
    /// Copies bytes to the screen's memory at `offset`.
    fn write(&mut self, offset: usize, bytes: &[u8]);
}

/// Cells that were drawn, to find those that changed.
struct Drawn {
    columns: usize,
    cells: Vec<Option<Cell>>,
}

impl Drawn {
    fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![None; columns.saturating_mul(rows)] }
    }

    /// Takes in what a row shall show; the first and the last column that changed.
    fn update(&mut self, row: usize, cells: impl Iterator<Item = Cell>) -> Option<(usize, usize)> {
        let start = row.saturating_mul(self.columns);
        let old = self.cells.get_mut(start..start.saturating_add(self.columns))?;
        let mut changed: Option<(usize, usize)> = None;
        for (column, (old, new)) in old.iter_mut().zip(cells).enumerate() {
            if *old != Some(new) {
                *old = Some(new);
                changed = Some((changed.map_or(column, |(first, _)| first), column));
            }
        }
        changed
    }

    fn row(&self, row: usize, first: usize, last: usize) -> impl Iterator<Item = Cell> {
        let start = row.saturating_mul(self.columns);
        let cells = self.cells.get(start.saturating_add(first)..=start.saturating_add(last)).unwrap_or(&[]);
        cells.iter().map(|cell| cell.unwrap_or(Cell::BLANK))
    }
}

/// The cells of a row with the cursor's colours swapped.
fn with_cursor(grid: &Grid, row: usize) -> impl Iterator<Item = Cell> {
    let cursor = grid.cursor();
    let cursor_column = (cursor.row == row).then(|| cursor.column.min(grid.columns().saturating_sub(1)));
    grid.row(row).iter().enumerate().map(move |(column, cell)| {
        let is_cursor = cursor_column == Some(column);
        Cell { attribute: if is_cursor { cell.attribute.rotate_left(4) } else { cell.attribute }, ..*cell }
    })
}

/// A linear framebuffer of 32-bit pixels with blue in the lowest byte.
pub struct PixelScreen {
    stride_bytes: usize,
    offset_bytes: usize,
    drawn: Drawn,
    /// One row of pixels in the making.
    line: Vec<u8>,
}

impl PixelScreen {
    fn draw(&mut self, grid: &Grid, canvas: &mut impl Canvas) {
        for row in 0..grid.row_count() {
            if let Some((first, last)) = self.drawn.update(row, with_cursor(grid, row)) {
                (0..GLYPH_HEIGHT).for_each(|scan| self.draw_scan(row, (first, last), scan, canvas));
            }
        }
    }

    /// Draws one row of pixels of the cells from `first` to `last`.
    fn draw_scan(
        &mut self,
        row: usize,
        (first, last): (usize, usize),
        scan: usize,
        canvas: &mut impl Canvas,
    ) {
        self.line.clear();
        for cell in self.drawn.row(row, first, last) {
            let (ink, paper) = (colour(cell.attribute), colour(cell.attribute >> 4));
            let bits = glyph_row(cell.character, scan);
            for pixel in 0..GLYPH_WIDTH {
                let is_ink = bits & (0x80 >> pixel) != 0;
                self.line.extend_from_slice(if is_ink { &ink } else { &paper });
            }
        }
        let y = row * GLYPH_HEIGHT + scan;
        canvas
            .write(self.offset_bytes + y * self.stride_bytes + first * GLYPH_WIDTH * PIXEL_BYTES, &self.line);
    }
}

fn colour(attribute: u8) -> [u8; PIXEL_BYTES] {
    PALETTE.get(usize::from(attribute & 0x0f)).copied().unwrap_or(0).to_le_bytes()
}

/// VGA's text memory: a character and an attribute in each cell.
pub struct TextScreen {
    stride_bytes: usize,
    offset_bytes: usize,
    drawn: Drawn,
    line: Vec<u8>,
}

impl TextScreen {
    fn draw(&mut self, grid: &Grid, canvas: &mut impl Canvas) {
        for row in 0..grid.row_count() {
            let Some((first, last)) = self.drawn.update(row, with_cursor(grid, row)) else { continue };
            self.line.clear();
            for cell in self.drawn.row(row, first, last) {
                // Bit 7 of an attribute makes the text blink.
                self.line.extend_from_slice(&[cell.character, cell.attribute & 0x7f]);
            }
            canvas.write(self.offset_bytes + row * self.stride_bytes + first * TEXT_CELL_BYTES, &self.line);
        }
    }
}

/// A screen of either kind.
pub enum Screen {
    /// Pixels.
    Pixels(PixelScreen),
    /// Text cells.
    Text(TextScreen),
}

impl Screen {
    /// The screen that the message describes, if it is one that can be drawn on.
    pub fn new(screen: &management_protocol::Screen) -> Option<Self> {
        let stride_bytes = usize::try_from(screen.stride_bytes).ok()?;
        let offset_bytes = usize::try_from(screen.offset_bytes).ok()?;
        let cells = |pixels: u32, cell: usize| {
            let count = usize::try_from(pixels.min(CELLS_MAX * 16)).ok()? / cell;
            Some(count.min(CELLS_MAX as usize)).filter(|count| *count > 0)
        };
        let line = Vec::new();
        match screen.bits {
            32 => {
                let drawn =
                    Drawn::new(cells(screen.width, GLYPH_WIDTH)?, cells(screen.height, GLYPH_HEIGHT)?);
                fits(stride_bytes, drawn.columns * GLYPH_WIDTH * PIXEL_BYTES)?;
                Some(Self::Pixels(PixelScreen { stride_bytes, offset_bytes, drawn, line }))
            }
            16 => {
                let drawn = Drawn::new(cells(screen.width, 1)?, cells(screen.height, 1)?);
                fits(stride_bytes, drawn.columns * TEXT_CELL_BYTES)?;
                Some(Self::Text(TextScreen { stride_bytes, offset_bytes, drawn, line }))
            }
            _ => None,
        }
    }

    /// Columns and rows of cells.
    pub fn size(&self) -> (usize, usize) {
        let drawn = match self {
            Screen::Pixels(screen) => &screen.drawn,
            Screen::Text(screen) => &screen.drawn,
        };
        (drawn.columns, drawn.cells.len().checked_div(drawn.columns).unwrap_or(0))
    }

    /// Forgets what was drawn: somebody else drew over it.
    pub fn forget(&mut self) {
        let drawn = match self {
            Screen::Pixels(screen) => &mut screen.drawn,
            Screen::Text(screen) => &mut screen.drawn,
        };
        drawn.cells.fill(None);
    }

    /// Draws what changed since the last time.
    pub fn draw(&mut self, grid: &Grid, canvas: &mut impl Canvas) {
        match self {
            Screen::Pixels(screen) => screen.draw(grid, canvas),
            Screen::Text(screen) => screen.draw(grid, canvas),
        }
    }
}

/// A stride shorter than a line would make lines overlap.
fn fits(stride_bytes: usize, line_bytes: usize) -> Option<()> {
    (stride_bytes >= line_bytes).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Terminal;

    struct Memory {
        bytes: Vec<u8>,
        written: usize,
    }

    impl Canvas for Memory {
        fn write(&mut self, offset: usize, bytes: &[u8]) {
            self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
            self.written += bytes.len();
        }
    }

    fn screen(width: u32, height: u32, stride_bytes: u32, bits: u32) -> Option<Screen> {
        Screen::new(&management_protocol::Screen { width, height, stride_bytes, bits, offset_bytes: 0 })
    }

    #[test]
    fn text_cells_carry_character_and_attribute() {
        let mut screen = screen(4, 2, 8, 16).expect("good");
        let mut memory = Memory { bytes: vec![0; 16], written: 0 };
        let mut terminal = Terminal::new(4, 2);
        terminal.write(b"\x1b[32mA\r\n");

        screen.draw(terminal.grid(), &mut memory);

        assert_eq!(memory.bytes[..4], [b'A', 2, b' ', 7]);
        assert_eq!(memory.bytes[8..10], [b' ', 0x70], "the cursor");
    }

    #[test]
    fn pixels_follow_the_font() {
        let mut screen = screen(20, 17, 128, 32).expect("good");
        assert_eq!(screen.size(), (2, 1));
        let mut memory = Memory { bytes: vec![0x55; 128 * 17], written: 0 };
        let mut terminal = Terminal::new(2, 1);
        terminal.write(b"H");

        screen.draw(terminal.grid(), &mut memory);

        for scan in 0..GLYPH_HEIGHT {
            for pixel in 0..GLYPH_WIDTH {
                let is_ink = glyph_row(b'H', scan) & (0x80 >> pixel) != 0;
                let at = scan * 128 + pixel * 4;
                assert_eq!(memory.bytes[at], if is_ink { 0xaa } else { 0 }, "{scan} {pixel}");
            }
        }
    }

    #[test]
    fn only_what_changed_is_drawn() {
        let mut screen = screen(80, 25, 160, 16).expect("good");
        let mut memory = Memory { bytes: vec![0; 4000], written: 0 };
        let mut terminal = Terminal::new(80, 25);
        screen.draw(terminal.grid(), &mut memory);
        memory.written = 0;

        terminal.write(b"x");
        screen.draw(terminal.grid(), &mut memory);

        assert_eq!(memory.written, 4, "the character and the cursor");
    }

    #[test]
    fn impossible_screens_are_refused() {
        assert!(screen(0, 0, 0, 32).is_none());
        assert!(screen(800, 600, 100, 32).is_none());
        assert!(screen(800, 600, 3200, 24).is_none());
        assert!(screen(u32::MAX, u32::MAX, u32::MAX, 32).is_some_and(|screen| screen.size() == (256, 256)));
    }
}
