//! Modes of the extension with one byte or more for each pixel.

use super::Source;
use crate::{
    frame::Lines,
    vga::{memory::VideoMemory, vbe::VbeMode},
};
use alloc::{vec, vec::Vec};

/// The lines of such a mode.
pub(super) struct Packed<'a> {
    memory: &'a VideoMemory,
    mode: VbeMode,
    /// Of modes with eight bits a pixel.
    colours: [u32; 256],
    bytes: Vec<u8>,
}

impl<'a> Packed<'a> {
    pub(super) fn new(source: Source<'a>, mode: VbeMode) -> Self {
        let pixel_bytes = usize::from(mode.depth).div_ceil(8);
        Self {
            memory: source.memory,
            mode,
            colours: if mode.depth == 8 { source.all_colours() } else { [0; 256] },
            bytes: vec![0; mode.width as usize * pixel_bytes],
        }
    }
}

impl Lines for Packed<'_> {
    fn line(&mut self, y: u32, into: &mut [u32]) {
        self.memory.read(self.mode.start + u64::from(y) * self.mode.stride, &mut self.bytes);
        match self.mode.depth {
            8 => {
                for (pixel, byte) in into.iter_mut().zip(&self.bytes) {
                    *pixel = self.colours.get(usize::from(*byte)).copied().unwrap_or(0);
                }
            }
            15 => unpack(&self.bytes, into, |pixel| colour(pixel, [(10, 5), (5, 5), (0, 5)])),
            16 => unpack(&self.bytes, into, |pixel| colour(pixel, [(11, 5), (5, 6), (0, 5)])),
            24 => {
                for (pixel, [blue, green, red]) in into.iter_mut().zip(self.bytes.as_chunks::<3>().0) {
                    *pixel = u32::from_be_bytes([0, *red, *green, *blue]);
                }
            }
            _ => {
                for (pixel, bytes) in into.iter_mut().zip(self.bytes.as_chunks::<4>().0) {
                    *pixel = u32::from_le_bytes(*bytes) & 0x00FF_FFFF;
                }
            }
        }
    }
}

/// Makes pixels of two bytes each.
fn unpack(bytes: &[u8], into: &mut [u32], colour: impl Fn(u16) -> u32) {
    for (pixel, bytes) in into.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *pixel = colour(u16::from_le_bytes(*bytes));
    }
}

/// A pixel whose red, green and blue have so many bits from a bit on.
fn colour(pixel: u16, [red, green, blue]: [(u32, u32); 3]) -> u32 {
    let part = |(shift, bits): (u32, u32)| {
        let part = u32::from(pixel) >> shift & ((1 << bits) - 1);
        let upper = part << (8 - bits);
        upper | upper >> bits
    };
    part(red) << 16 | part(green) << 8 | part(blue)
}
