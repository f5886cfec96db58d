//! Pixels whose bits lie in planes, and VGA's own modes with a byte for each pixel.

use super::{Source, raster::Raster};
use crate::{
    frame::{Lines, Size, WIDTH_MAX},
    vga::{
        memory::{Cell, VideoMemory},
        registers::Registers,
        vbe::VbeMode,
    },
};
use alloc::{vec, vec::Vec};

/// Dots that come of one cell.
const CELL_DOTS: u32 = 8;

/// How cells become pixels (graphics controller, register 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Coding {
    /// A bit of each plane: 16 colours.
    Planes {
        /// Every pixel is two dots wide.
        is_doubled: bool,
    },
    /// Two bits of planes 0 and 1 in turn, with two of planes 2 and 3 above: 4 colours in practice.
    Pairs {
        /// As above.
        is_doubled: bool,
    },
    /// A byte: 256 colours, each pixel two dots wide.
    Bytes,
}

impl Coding {
    pub(super) fn of(registers: &Registers) -> Self {
        let is_doubled = registers.sequencer[1] & 1 << 3 != 0;
        match registers.graphics[5] >> 5 & 3 {
            0 => Self::Planes { is_doubled },
            1 => Self::Pairs { is_doubled },
            _ => Self::Bytes,
        }
    }

    fn is_doubled(self) -> bool {
        match self {
            Self::Planes { is_doubled } | Self::Pairs { is_doubled } => is_doubled,
            // The dots of a cell are counted, not its four pixels.
            Self::Bytes => false,
        }
    }

    /// The size of the picture.
    pub(super) fn size(self, raster: &Raster) -> Size {
        let dots = raster.columns * CELL_DOTS;
        let width = if self.is_doubled() { dots * 2 } else { dots };
        Size { width: width.min(WIDTH_MAX), height: raster.lines }
    }

    /// The eight dots of a cell as colour numbers.
    fn dots(self, cell: Cell) -> [u8; 8] {
        let mut dots = [0; 8];
        match self {
            Self::Planes { .. } => {
                for (shift, dot) in (0..8).rev().zip(&mut dots) {
                    *dot = (0..).zip(cell).fold(0, |dot, (plane, byte)| dot | (byte >> shift & 1) << plane);
                }
            }
            Self::Pairs { .. } => {
                let [low_left, low_right, high_left, high_right] = cell;
                let pairs = [(low_left, high_left), (low_right, high_right)];
                let (left, right) = dots.split_at_mut(4);
                for (half, (low, high)) in [left, right].into_iter().zip(pairs) {
                    for (shift, dot) in [6, 4, 2, 0].into_iter().zip(half) {
                        *dot = low >> shift & 3 | (high >> shift & 3) << 2;
                    }
                }
            }
            Self::Bytes => {
                for (pair, byte) in dots.as_chunks_mut::<2>().0.iter_mut().zip(cell) {
                    *pair = [byte; 2];
                }
            }
        }
        dots
    }
}

/// Where lines begin.
enum Way {
    Vga(Raster),
    Extension { start: u64, stride: u64 },
}

/// The lines of such a mode.
pub(super) struct Planar<'a> {
    memory: &'a VideoMemory,
    way: Way,
    coding: Coding,
    colours: Vec<u32>,
    /// The bits of a colour number that count.
    mask: u8,
    /// Dots at the left that are not shown.
    pan: usize,
    cells: Vec<Cell>,
}

impl<'a> Planar<'a> {
    /// One of VGA's own modes.
    pub(super) fn of_vga(source: Source<'a>) -> Self {
        let raster = Raster::of(source.registers);
        let coding = Coding::of(source.registers);
        let (colours, mask) = match coding {
            Coding::Bytes => (source.all_colours().to_vec(), 0xFF),
            _ => (source.sixteen_colours().to_vec(), source.registers.attribute[0x12] & 0x0F),
        };
        Self {
            memory: source.memory,
            way: Way::Vga(raster),
            coding,
            colours,
            mask,
            pan: usize::from(source.registers.attribute[0x13] & 7),
            cells: vec![Cell::default(); raster.columns as usize + 1],
        }
    }

    /// A mode of the extension with four bits a pixel.
    pub(super) fn of_extension(source: Source<'a>, mode: VbeMode) -> Self {
        Self {
            memory: source.memory,
            way: Way::Extension { start: mode.start / 4, stride: mode.stride / 4 },
            coding: Coding::Planes { is_doubled: false },
            colours: source.sixteen_colours().to_vec(),
            mask: source.registers.attribute[0x12] & 0x0F,
            pan: 0,
            cells: vec![Cell::default(); (mode.width / CELL_DOTS) as usize],
        }
    }
}

impl Lines for Planar<'_> {
    fn line(&mut self, y: u32, into: &mut [u32]) {
        let address = match &self.way {
            Way::Vga(raster) => raster.pixel_line(y),
            Way::Extension { start, stride } => start + u64::from(y) * stride,
        };
        self.memory.read_cells(address, &mut self.cells);
        let repeat = if self.coding.is_doubled() { 2 } else { 1 };
        let dots = self.cells.iter().flat_map(|cell| self.coding.dots(*cell)).skip(self.pan);
        for (dot, pixels) in dots.zip(into.chunks_mut(repeat)) {
            pixels.fill(self.colours.get(usize::from(dot & self.mask)).copied().unwrap_or(0));
        }
    }
}
