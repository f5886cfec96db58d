//! What VGA shows: text, pixels in planes, pixels in bytes.

mod packed;
mod planar;
mod raster;
mod text;

use super::{
    memory::VideoMemory,
    palette::{Depth, Palette},
    registers::Registers,
    vbe::Vbe,
};
use crate::{
    frame::{Frame, Size},
    text::TextPage,
};
use base_units::Nanos;
use packed::Packed;
use planar::{Coding, Planar};
use raster::Raster;
use text::{Text, TextMode};

/// The size of the black screen before any mode is set.
const NO_MODE: Size = Size { width: 720, height: 400 };
/// Smaller pictures are no modes but registers that nobody has set yet.
const LEAST: Size = Size { width: 64, height: 32 };

/// All that a picture is made of.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) registers: &'a Registers,
    pub(super) palette: &'a Palette,
    pub(super) vbe: &'a Vbe,
    pub(super) memory: &'a VideoMemory,
}

impl<'a> Source<'a> {
    /// The picture at a moment.
    pub(super) fn frame(self, now: Nanos) -> Frame<'a> {
        let size = self.size();
        let is_mode = size.width >= LEAST.width && size.height >= LEAST.height;
        if !is_mode {
            return Frame::black(NO_MODE);
        }
        if !self.registers.is_shown() {
            return Frame::black(size);
        }
        match (self.vbe.mode(), self.registers.is_graphics()) {
            (Some(mode), _) if mode.depth == 4 => Frame::new(size, Planar::of_extension(self, mode)),
            (Some(mode), _) => Frame::new(size, Packed::new(self, mode)),
            (None, true) => Frame::new(size, Planar::of_vga(self)),
            (None, false) => Frame::new(size, Text::new(self, TextMode::of(self.registers), now)),
        }
    }

    /// The text that is shown, in text modes.
    pub(super) fn text(self) -> Option<TextPage> {
        if self.vbe.is_on() || self.registers.is_graphics() || !self.registers.is_shown() {
            return None;
        }
        Some(TextMode::of(self.registers).page(self.memory))
    }

    /// The size of the picture.
    fn size(self) -> Size {
        if let Some(mode) = self.vbe.mode() {
            return Size { width: mode.width, height: mode.height };
        }
        if self.registers.is_graphics() {
            Coding::of(self.registers).size(&Raster::of(self.registers))
        } else {
            TextMode::of(self.registers).size()
        }
    }

    /// The colours of the 16 entries of the attribute controller.
    fn sixteen_colours(self) -> [u32; 16] {
        let depth = self.vbe.palette_depth();
        let mut colours = [0; 16];
        for (index, colour) in (0..).zip(&mut colours) {
            *colour = self.palette.colour(self.registers.colour(index), depth);
        }
        colours
    }

    /// The colours of the palette's entries.
    fn all_colours(self) -> [u32; 256] {
        let depth: Depth = self.vbe.palette_depth();
        let mut colours = [0; 256];
        for (index, colour) in (0..=u8::MAX).zip(&mut colours) {
            *colour = self.palette.colour(index, depth);
        }
        colours
    }
}
