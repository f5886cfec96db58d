//! Which memory address each line begins at.

use crate::vga::registers::{Registers, crtc};

/// Addresses of the planes that VGA's own modes show.
const ADDRESSES: u64 = 0x1_0000;

/// The CRT controller's way through memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Raster {
    /// Groups of eight dots in a line.
    pub(super) columns: u32,
    /// Lines, each one of the screen's.
    pub(super) lines: u32,
    /// Lines of a row, before they are doubled; at least one.
    pub(super) row_lines: u32,
    /// How often each line is shown: once or twice.
    pub(super) repeat: u32,
    /// Where the picture begins.
    pub(super) start: u64,
    /// Addresses from one row to the next.
    pub(super) stride: u64,
    /// Lines of the first row that are not shown.
    preset: u32,
    /// After this line memory is shown from address 0 on.
    split: u32,
    mode: u8,
}

/// Where a line is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LinePlace {
    /// Address of its first cell.
    pub(super) address: u64,
    /// Which line of its row.
    pub(super) scan: u32,
}

impl Raster {
    /// The way that the registers describe.
    pub(super) fn of(registers: &Registers) -> Self {
        let overflow = u32::from(registers.crtc(crtc::OVERFLOW));
        let height = registers.crtc(crtc::CHARACTER_HEIGHT);
        let last_line =
            u32::from(registers.crtc(crtc::LAST_LINE)) | (overflow & 0x02) << 7 | (overflow & 0x40) << 3;
        let split = u32::from(registers.crtc(crtc::LINE_COMPARE))
            | (overflow & 0x10) << 4
            | u32::from(height & 0x40) << 3;
        Self {
            columns: u32::from(registers.crtc(crtc::COLUMNS)) + 1,
            lines: last_line + 1,
            row_lines: u32::from(height & 0x1F) + 1,
            repeat: if height & 0x80 != 0 { 2 } else { 1 },
            start: u64::from(registers.crtc_address(crtc::START_HIGH, crtc::START_LOW)),
            stride: u64::from(registers.crtc(crtc::OFFSET)) * 2,
            preset: u32::from(registers.crtc(crtc::PRESET_ROW) & 0x1F),
            split,
            mode: registers.crtc(crtc::MODE),
        }
    }

    /// Where line `y` is found.
    pub(super) fn line(&self, y: u32) -> LinePlace {
        let (start, y) = match y.checked_sub(self.split.saturating_add(1)) {
            Some(below) => (0, below / self.repeat),
            None => (self.start, y / self.repeat + self.preset),
        };
        let (row, scan) = (y / self.row_lines, y % self.row_lines);
        LinePlace { address: (start + u64::from(row) * self.stride) % ADDRESSES, scan }
    }

    /// Where line `y` of a picture of pixels is found: in modes that look like older displays, lines of a row lie in
    /// different parts of memory.
    pub(super) fn pixel_line(&self, y: u32) -> u64 {
        let LinePlace { mut address, scan } = self.line(y);
        // Addresses of planes whose bytes take turns for the processor count half.
        let bit = if self.mode & 1 << 6 != 0 { 13 } else { 12 };
        if self.mode & 1 == 0 {
            address = address & !(1 << bit) | u64::from(scan & 1) << bit;
        }
        if self.mode & 2 == 0 {
            address = address & !(2 << bit) | u64::from(scan >> 1 & 1) << (bit + 1);
        }
        address
    }
}
