//! The modes of the Bochs extension: high resolutions with up to 32 bits a pixel.

use super::palette::Depth;
use crate::frame;
use serde::{Deserialize, Serialize};
use spec::vga::{
    BANK_BYTES, VBE_BANK, VBE_DEPTH, VBE_ENABLE, VBE_ENABLED, VBE_HEIGHT, VBE_ID, VBE_KEEP_MEMORY,
    VBE_LIMITS, VBE_MEMORY, VBE_PALETTE_8, VBE_VERSION, VBE_VIRTUAL_HEIGHT, VBE_VIRTUAL_WIDTH, VBE_WIDTH,
    VBE_X_OFFSET, VBE_Y_OFFSET,
};

/// Pixels of a line at the most.
const WIDTH_MAX: u16 = frame::WIDTH_MAX as u16;
/// Lines at the most.
const HEIGHT_MAX: u16 = frame::HEIGHT_MAX as u16;
/// Bits of a pixel at the most.
const DEPTH_MAX: u16 = 32;
/// Registers that are stored.
const REGISTERS: usize = 10;

/// The registers of the extension.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Vbe {
    pub(super) index: u16,
    registers: [u16; REGISTERS],
}

/// Which mode is on. Everything that it shows lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VbeMode {
    pub(super) width: u32,
    pub(super) height: u32,
    /// 4, 8, 15, 16, 24 or 32.
    pub(super) depth: u16,
    /// Bytes from one line to the next.
    pub(super) stride: u64,
    /// Offset of the first pixel.
    pub(super) start: u64,
}

/// What the outside must do after a register was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum VbeChange {
    /// Nothing but look at the registers again.
    Registers,
    /// Clear what the new mode shows.
    Clear,
}

impl Vbe {
    /// No mode.
    pub(super) fn new() -> Self {
        let mut registers = [0; REGISTERS];
        registers[usize::from(VBE_ID)] = VBE_VERSION;
        Self { index: 0, registers }
    }

    /// Whether a mode is on: then VGA's own mode does not count.
    pub(super) fn is_on(&self) -> bool {
        self.get(VBE_ENABLE) & VBE_ENABLED != 0
    }

    /// Bits of a palette's part.
    pub(super) fn palette_depth(&self) -> Depth {
        if self.get(VBE_ENABLE) & VBE_PALETTE_8 != 0 { Depth::Eight } else { Depth::Six }
    }

    /// Offset of the bank that the legacy window shows.
    pub(super) fn bank_offset(&self) -> u64 {
        u64::from(self.get(VBE_BANK)) * BANK_BYTES
    }

    /// The mode that is on.
    pub(super) fn mode(&self) -> Option<VbeMode> {
        self.is_on().then(|| VbeMode {
            width: u32::from(self.get(VBE_WIDTH)),
            height: u32::from(self.get(VBE_HEIGHT)),
            depth: self.get(VBE_DEPTH),
            stride: self.stride(),
            start: self.start(),
        })
    }

    /// Reads a register of a display with `memory` bytes.
    pub(super) fn read(&self, index: u16, memory: u64) -> u16 {
        let shows_limits = self.get(VBE_ENABLE) & VBE_LIMITS != 0;
        match index {
            VBE_WIDTH if shows_limits => WIDTH_MAX,
            VBE_HEIGHT if shows_limits => HEIGHT_MAX,
            VBE_DEPTH if shows_limits => DEPTH_MAX,
            VBE_MEMORY => u16::try_from(memory / BANK_BYTES).unwrap_or(u16::MAX),
            _ => self.get(index),
        }
    }

    /// Writes a register. What cannot be becomes the nearest that can.
    pub(super) fn write(&mut self, index: u16, value: u16, memory: u64) -> VbeChange {
        let was_on = self.is_on();
        match index {
            VBE_ID => {
                self.set(VBE_ID, if (0xB0C0..=VBE_VERSION).contains(&value) { value } else { VBE_VERSION })
            }
            VBE_WIDTH | VBE_HEIGHT | VBE_DEPTH | VBE_VIRTUAL_WIDTH | VBE_X_OFFSET | VBE_Y_OFFSET
            | VBE_BANK => {
                self.set(index, value);
            }
            VBE_ENABLE => {
                self.set(VBE_ENABLE, value);
                if self.is_on() && !was_on {
                    [VBE_VIRTUAL_WIDTH, VBE_X_OFFSET, VBE_Y_OFFSET, VBE_BANK]
                        .into_iter()
                        .for_each(|register| self.set(register, 0));
                }
            }
            _ => {}
        }
        self.settle(memory);
        let begins = index == VBE_ENABLE && self.is_on() && !was_on;
        if begins && value & VBE_KEEP_MEMORY == 0 { VbeChange::Clear } else { VbeChange::Registers }
    }

    /// Whether the state is one that writes can lead to.
    pub(super) fn is_possible(&self, memory: u64) -> bool {
        let mut settled = self.clone();
        settled.settle(memory);
        settled == *self
    }

    /// Makes the registers describe a mode whose picture lies in memory.
    fn settle(&mut self, memory: u64) {
        let banks = (memory / BANK_BYTES).max(1);
        let bank_limit = if self.get(VBE_DEPTH) == 4 { (banks / 4).max(1) } else { banks };
        let bank = u64::from(self.get(VBE_BANK)) % bank_limit;
        self.set(VBE_BANK, bank as u16);
        if !self.is_on() {
            return;
        }
        if !matches!(self.get(VBE_DEPTH), 4 | 8 | 15 | 16 | 24 | 32) {
            self.set(VBE_DEPTH, 8);
        }
        let width = (self.get(VBE_WIDTH) & !7).clamp(8, WIDTH_MAX);
        let virtual_width = (self.get(VBE_VIRTUAL_WIDTH) & !7).clamp(width, WIDTH_MAX);
        self.set(VBE_WIDTH, width);
        self.set(VBE_VIRTUAL_WIDTH, virtual_width);
        let lines = memory.checked_div(self.stride()).unwrap_or(0);
        let lines = u16::try_from(lines).unwrap_or(u16::MAX);
        self.set(VBE_HEIGHT, self.get(VBE_HEIGHT).clamp(1, HEIGHT_MAX).min(lines));
        self.set(VBE_VIRTUAL_HEIGHT, lines);
        self.settle_offsets(memory);
    }

    /// Moves the picture's corner to where the whole picture is in memory.
    fn settle_offsets(&mut self, memory: u64) {
        self.set(VBE_X_OFFSET, self.get(VBE_X_OFFSET).min(WIDTH_MAX));
        for register in [VBE_Y_OFFSET, VBE_X_OFFSET] {
            let picture = u64::from(self.get(VBE_HEIGHT)) * self.stride();
            if self.start() + picture > memory {
                self.set(register, 0);
            }
        }
    }

    /// Bits that a pixel takes.
    fn pixel_bits(&self) -> u64 {
        match self.get(VBE_DEPTH) {
            15 => 16,
            depth => u64::from(depth),
        }
    }

    fn stride(&self) -> u64 {
        u64::from(self.get(VBE_VIRTUAL_WIDTH)) * self.pixel_bits() / 8
    }

    /// Offset of the first pixel. Pixels in planes come in groups of eight, four bytes each.
    fn start(&self) -> u64 {
        let x = u64::from(self.get(VBE_X_OFFSET)) * self.pixel_bits() / 8;
        let x = if self.get(VBE_DEPTH) == 4 { x & !3 } else { x };
        x + u64::from(self.get(VBE_Y_OFFSET)) * self.stride()
    }

    fn get(&self, index: u16) -> u16 {
        self.registers.get(usize::from(index)).copied().unwrap_or(0)
    }

    fn set(&mut self, index: u16, value: u16) {
        if let Some(register) = self.registers.get_mut(usize::from(index)) {
            *register = value;
        }
    }
}
