//! A display with a small memory, driven as a guest does.

use crate::vga::{
    MEMORY_REGION, MONO_PORTS_REGION, PORTS_REGION, TEXT_BYTES, VBE_PORTS_REGION, Vga, WINDOW_REGION,
};
use alloc::{boxed::Box, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Attention, Context, Device, DirectId, DirectRange, Effects, FlatMemory, Region, VecMemory,
};

/// Bytes of its frame buffer.
pub(super) const MEMORY: usize = 0x40_0000;

pub(super) struct Machine {
    pub(super) vga: Vga,
    memory: FlatMemory,
    effects: Effects,
    pub(super) now: Nanos,
}

/// A mode's registers: miscellaneous output, sequencer, CRT controller, graphics controller, attribute controller.
pub(super) struct Mode {
    miscellaneous: u8,
    sequencer: [u8; 5],
    crtc: [u8; 25],
    graphics: [u8; 9],
    attribute: [u8; 21],
}

const SIXTEEN: [u8; 16] = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F];

const fn attributes(tail: [u8; 5]) -> [u8; 21] {
    let mut all = [0; 21];
    let mut index = 0;
    while index < 21 {
        all[index] = if index < 16 { SIXTEEN[index] } else { tail[index - 16] };
        index += 1;
    }
    all
}

/// 80x25 characters.
pub(super) const TEXT_80: Mode = Mode {
    miscellaneous: 0x67,
    sequencer: [0x03, 0x00, 0x03, 0x00, 0x02],
    crtc: [
        0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0x00, 0x00, 0x00, 0x00, 0x9C,
        0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x00, 0xFF],
    attribute: attributes([0x0C, 0x00, 0x0F, 0x08, 0x00]),
};

/// 640x480 in 16 colours (12h).
pub(super) const PLANES_640: Mode = Mode {
    miscellaneous: 0xE3,
    sequencer: [0x03, 0x01, 0x0F, 0x00, 0x06],
    crtc: [
        0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0B, 0x3E, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xEA,
        0x8C, 0xDF, 0x28, 0x00, 0xE7, 0x04, 0xE3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x0F, 0xFF],
    attribute: attributes([0x01, 0x00, 0x0F, 0x00, 0x00]),
};

/// 320x200 in 256 colours (13h).
pub(super) const BYTES_320: Mode = Mode {
    miscellaneous: 0x63,
    sequencer: [0x03, 0x01, 0x0F, 0x00, 0x0E],
    crtc: [
        0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0x00, 0x41, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9C,
        0x8E, 0x8F, 0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0F, 0xFF],
    attribute: attributes([0x41, 0x00, 0x0F, 0x00, 0x00]),
};

/// 320x200 in 4 colours (4h).
pub(super) const PAIRS_320: Mode = Mode {
    miscellaneous: 0x63,
    sequencer: [0x03, 0x09, 0x03, 0x00, 0x02],
    crtc: [
        0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0x00, 0xC1, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9C,
        0x8E, 0x8F, 0x14, 0x00, 0x96, 0xB9, 0xA2, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x30, 0x0F, 0x00, 0xFF],
    attribute: attributes([0x01, 0x00, 0x03, 0x00, 0x00]),
};

impl Machine {
    pub(super) fn new() -> Self {
        Self::with_memory(MEMORY)
    }

    /// One that has only what VGA's own modes need.
    pub(super) fn small() -> Self {
        Self::with_memory(0x4_0000)
    }

    fn with_memory(bytes: usize) -> Self {
        let content = vec![0; bytes + TEXT_BYTES as usize];
        Self {
            vga: Vga::new(Box::new(VecMemory::new(DirectId(7), content))),
            memory: FlatMemory::new(Gpa::new(0), 4096),
            effects: Effects::new(),
            now: Nanos::ZERO,
        }
    }

    pub(super) fn read(&mut self, region: Region, offset: u64, size: AccessSize) -> u64 {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        size.cut(self.vga.read(region, offset, size, &mut context))
    }

    pub(super) fn write(&mut self, region: Region, offset: u64, size: AccessSize, value: u64) {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.vga.write(region, offset, size, value, &mut context);
    }

    pub(super) fn input(&mut self, port: u16) -> u8 {
        let (region, offset) = place(port);
        self.read(region, offset, AccessSize::Byte) as u8
    }

    pub(super) fn output(&mut self, port: u16, value: u8) {
        let (region, offset) = place(port);
        self.write(region, offset, AccessSize::Byte, u64::from(value));
    }

    /// Writes a register behind an index and a data port.
    pub(super) fn set(&mut self, port: u16, index: u8, value: u8) {
        self.output(port, index);
        self.output(port + 1, value);
    }

    pub(super) fn set_attribute(&mut self, index: u8, value: u8) {
        self.input(0x3DA);
        self.output(0x3C0, index);
        self.output(0x3C0, value);
    }

    pub(super) fn set_mode(&mut self, mode: &Mode) {
        self.output(0x3C2, mode.miscellaneous);
        (0..).zip(mode.sequencer).for_each(|(index, value)| self.set(0x3C4, index, value));
        self.set(0x3D4, 0x11, 0);
        (0..).zip(mode.crtc).for_each(|(index, value)| self.set(0x3D4, index, value));
        (0..).zip(mode.graphics).for_each(|(index, value)| self.set(0x3CE, index, value));
        (0..).zip(mode.attribute).for_each(|(index, value)| self.set_attribute(index, value));
        self.output(0x3C0, 0x20);
    }

    /// Sets entries of the palette from `first` on.
    pub(super) fn set_palette(&mut self, first: u8, colours: &[[u8; 3]]) {
        self.output(0x3C8, first);
        colours.as_flattened().iter().for_each(|part| self.output(0x3C9, *part));
    }

    pub(super) fn vbe(&mut self, index: u16, value: u16) {
        self.write(VBE_PORTS_REGION, 0, AccessSize::Word, u64::from(index));
        self.write(VBE_PORTS_REGION, 2, AccessSize::Word, u64::from(value));
    }

    pub(super) fn read_vbe(&mut self, index: u16) -> u16 {
        self.read(MEMORY_REGION, 0x500 + u64::from(index) * 2, AccessSize::Word) as u16
    }

    pub(super) fn set_vbe_mode(&mut self, width: u16, height: u16, depth: u16) {
        for (index, value) in [(4, 0), (1, width), (2, height), (3, depth), (4, 0x41)] {
            self.vbe(index, value);
        }
        self.output(0x3C0, 0x20);
    }

    /// Writes to the legacy window; `at` counts from 0xA0000.
    pub(super) fn poke(&mut self, at: u64, bytes: &[u8]) {
        for (at, byte) in (at..).zip(bytes) {
            self.write(WINDOW_REGION, at, AccessSize::Byte, u64::from(*byte));
        }
    }

    pub(super) fn peek(&mut self, at: u64) -> u8 {
        self.read(WINDOW_REGION, at, AccessSize::Byte) as u8
    }

    pub(super) fn direct(&self) -> Vec<DirectRange> {
        let mut ranges = Vec::new();
        self.vga.direct_ranges(&mut |range| ranges.push(range));
        ranges
    }

    pub(super) fn take_attention(&mut self) -> Attention {
        self.effects.take_attention()
    }

    pub(super) fn configure(&mut self, offset: u16, value: u32) {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.vga.config_write(offset, AccessSize::Dword, value, &mut context);
    }

    pub(super) fn reset(&mut self) {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.vga.reset(&mut context);
    }

    /// All pixels.
    pub(super) fn picture(&self) -> Vec<Vec<u32>> {
        let mut frame = self.vga.frame(self.now);
        let size = frame.size();
        (0..size.height)
            .map(|y| {
                let mut line = vec![0; size.width as usize];
                frame.line(y, &mut line);
                line
            })
            .collect()
    }
}

fn place(port: u16) -> (Region, u64) {
    match port {
        0x3C0.. => (PORTS_REGION, u64::from(port - 0x3C0)),
        _ => (MONO_PORTS_REGION, u64::from(port - 0x3B0)),
    }
}
