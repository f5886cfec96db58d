//! Text modes.

use super::{Source, raster::Raster};
use crate::{
    frame::{Lines, Size, WIDTH_MAX},
    text::{TextCell, TextPage},
    vga::{
        memory::{Cell, VideoMemory},
        registers::{Registers, crtc},
        retrace::FRAME_NS,
    },
};
use alloc::{vec, vec::Vec};
use base_units::Nanos;

/// Bytes of a font in plane 2.
const FONT_BYTES: usize = 8192;
/// Bytes of a character in it.
const GLYPH_BYTES: usize = 32;
/// Pictures during which the cursor is shown, and then not.
const CURSOR_FRAMES: u64 = 8;
/// The same of blinking characters.
const BLINK_FRAMES: u64 = 16;
/// Dots of a character without the ninth.
const GLYPH_DOTS: usize = 8;
/// Characters whose eighth dot is continued in the ninth.
const LINE_CHARACTERS: core::ops::RangeInclusive<u8> = 0xC0..=0xDF;

/// A text mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TextMode {
    raster: Raster,
    columns: u32,
    rows: u32,
    /// Dots of a character: 8 or 9.
    dots: usize,
    /// How many pixels wide each dot is.
    dot_pixels: usize,
    /// Where plane 2 has the fonts: of characters whose attribute bit 3 is clear, and set.
    fonts: [u64; 2],
    cursor: Option<Cursor>,
    /// Attribute bit 7 means blinking.
    blinks: bool,
    /// The ninth dot continues lines.
    joins_lines: bool,
    /// The line of underlined characters, in monochrome modes.
    underline: Option<u32>,
}

/// The cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cursor {
    address: u64,
    first_line: u32,
    last_line: u32,
}

impl TextMode {
    /// The mode that the registers describe.
    pub(super) fn of(registers: &Registers) -> Self {
        let raster = Raster::of(registers);
        let clocking = registers.sequencer[1];
        let dots = if clocking & 1 != 0 { GLYPH_DOTS } else { GLYPH_DOTS + 1 };
        let dot_pixels = if clocking & 1 << 3 != 0 { 2 } else { 1 };
        let columns_max = WIDTH_MAX / (dots * dot_pixels) as u32;
        let mode = registers.attribute[0x10];
        let start = registers.crtc(crtc::CURSOR_START);
        let cursor = Cursor {
            address: u64::from(registers.crtc_address(crtc::CURSOR_HIGH, crtc::CURSOR_LOW)),
            first_line: u32::from(start & 0x1F),
            last_line: u32::from(registers.crtc(crtc::CURSOR_END) & 0x1F),
        };
        let is_monochrome = mode & 1 << 1 != 0;
        Self {
            raster,
            columns: raster.columns.min(columns_max),
            rows: raster.lines / (raster.row_lines * raster.repeat),
            dots,
            dot_pixels,
            fonts: fonts(registers.sequencer[3]),
            cursor: (start & 1 << 5 == 0).then_some(cursor),
            blinks: mode & 1 << 3 != 0,
            joins_lines: mode & 1 << 2 != 0,
            underline: is_monochrome.then(|| u32::from(registers.crtc(crtc::UNDERLINE) & 0x1F)),
        }
    }

    /// Size in pixels.
    pub(super) fn size(&self) -> Size {
        Size {
            width: self.columns * (self.dots * self.dot_pixels) as u32,
            height: self.rows * self.raster.row_lines * self.raster.repeat,
        }
    }

    /// The text.
    pub(super) fn page(&self, memory: &VideoMemory) -> TextPage {
        let mut page = TextPage { columns: self.columns, rows: self.rows, cells: Vec::new(), cursor: None };
        let mut cells = vec![Cell::default(); self.columns as usize];
        for row in 0..self.rows {
            let first = self.raster.line(row * self.raster.row_lines * self.raster.repeat).address;
            memory.read_cells(first, &mut cells);
            page.cells.extend(
                cells.iter().map(|[character, attribute, ..]| TextCell {
                    character: *character,
                    attribute: *attribute,
                }),
            );
            let column = self.cursor.and_then(|cursor| cursor.address.checked_sub(first));
            if let Some(column) = column.filter(|column| *column < u64::from(self.columns)) {
                page.cursor = Some((column as u32, row));
            }
        }
        page
    }
}

/// Where the fonts lie in plane 2 (sequencer, register 3): 16 KiB apart, then in the gaps.
fn fonts(select: u8) -> [u64; 2] {
    let place = |low: u8, high: u8| (u64::from(low) << 1 | u64::from(high)) * FONT_BYTES as u64;
    [place(select & 3, select >> 4 & 1), place(select >> 2 & 3, select >> 5 & 1)]
}

/// The lines of a text mode.
pub(super) struct Text<'a> {
    mode: TextMode,
    memory: &'a VideoMemory,
    colours: [u32; 16],
    fonts: [Vec<u8>; 2],
    shows_cursor: bool,
    shows_blinking: bool,
    /// The cells of the row at hand, and their address.
    row: Vec<Cell>,
    row_address: Option<u64>,
}

impl<'a> Text<'a> {
    pub(super) fn new(source: Source<'a>, mode: TextMode, now: Nanos) -> Self {
        let pictures = now.raw() / FRAME_NS;
        let [first, second] = mode.fonts;
        let font = load_font(source.memory, first);
        let other = if first == second { font.clone() } else { load_font(source.memory, second) };
        Self {
            mode,
            memory: source.memory,
            colours: source.sixteen_colours(),
            fonts: [font, other],
            shows_cursor: (pictures / CURSOR_FRAMES).is_multiple_of(2),
            shows_blinking: (pictures / BLINK_FRAMES).is_multiple_of(2),
            row: vec![Cell::default(); mode.columns as usize],
            row_address: None,
        }
    }

    /// The dots of one line of a character, the leftmost in bit 8; and its ink and paper.
    fn glyph(&self, cell: Cell, address: u64, scan: u32) -> (u16, u32, u32) {
        let [character, attribute, ..] = cell;
        let font = if attribute & 1 << 3 != 0 { &self.fonts[1] } else { &self.fonts[0] };
        let line = font.get(usize::from(character) * GLYPH_BYTES + scan as usize).copied().unwrap_or(0);
        let joins = self.mode.joins_lines && LINE_CHARACTERS.contains(&character);
        let mut dots = u16::from(line) << 1 | u16::from(joins && line & 1 != 0);
        let is_blinking = self.mode.blinks && attribute & 1 << 7 != 0;
        let paper_bits = if self.mode.blinks { attribute >> 4 & 7 } else { attribute >> 4 };
        if self.mode.underline == Some(scan) && attribute & 0x07 == 1 {
            dots = 0x1FF;
        }
        if is_blinking && !self.shows_blinking {
            dots = 0;
        }
        if self.has_cursor(address, scan) {
            dots = 0x1FF;
        }
        let colour = |index: u8| self.colours.get(usize::from(index)).copied().unwrap_or(0);
        (dots, colour(attribute & 0x0F), colour(paper_bits))
    }

    fn has_cursor(&self, address: u64, scan: u32) -> bool {
        self.shows_cursor
            && self.mode.cursor.is_some_and(|cursor| {
                cursor.address == address && (cursor.first_line..=cursor.last_line).contains(&scan)
            })
    }
}

impl Lines for Text<'_> {
    fn line(&mut self, y: u32, into: &mut [u32]) {
        let place = self.mode.raster.line(y);
        if self.row_address != Some(place.address) {
            self.memory.read_cells(place.address, &mut self.row);
            self.row_address = Some(place.address);
        }
        let width = self.mode.dots * self.mode.dot_pixels;
        for ((address, cell), pixels) in (place.address..).zip(&self.row).zip(into.chunks_mut(width)) {
            let (dots, ink, paper) = self.glyph(*cell, address, place.scan);
            for (dot, pixels) in pixels.chunks_mut(self.mode.dot_pixels).enumerate() {
                pixels.fill(if dots & 0x100 >> dot != 0 { ink } else { paper });
            }
        }
    }
}

/// Copies a font out of plane 2.
fn load_font(memory: &VideoMemory, place: u64) -> Vec<u8> {
    let mut cells = vec![Cell::default(); FONT_BYTES];
    memory.read_cells(place, &mut cells);
    cells.iter().map(|[_, _, line, _]| *line).collect()
}
