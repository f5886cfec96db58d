//! What the legacy window at 0xA0000 shows.

use super::{
    memory::TEXT_BYTES,
    registers::{Chaining, Registers},
    vbe::Vbe,
};
use spec::vga::{BANK_BYTES, WINDOW_BYTES};

/// What the window shows now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    /// Where in the window the memory answers.
    pub(super) start: u64,
    /// How much of it.
    pub(super) bytes: u64,
    /// How.
    pub(super) view: View,
}

/// How the window shows memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum View {
    /// The frame buffer from an offset on, byte by byte.
    Linear(u64),
    /// The cells of the text window.
    Text,
    /// Through the graphics controller, with an offset that is added first.
    Planes(u64),
}

impl Window {
    /// The window as the registers make it.
    pub(super) fn of(registers: &Registers, vbe: &Vbe) -> Self {
        if let Some(mode) = vbe.mode() {
            let offset = vbe.bank_offset();
            let view = if mode.depth == 4 { View::Planes(offset) } else { View::Linear(offset) };
            return Self { start: 0, bytes: BANK_BYTES, view };
        }
        let (start, bytes) = match registers.memory_map() {
            0 => (0, WINDOW_BYTES),
            1 => (0, BANK_BYTES),
            2 => (0x1_0000, TEXT_BYTES),
            _ => (0x1_8000, TEXT_BYTES),
        };
        let is_plain = registers.writes_plainly() && !registers.reads_compare();
        let view = match registers.chaining() {
            Chaining::Four if is_plain && registers.map_mask() == 0b1111 => View::Linear(0),
            Chaining::OddEven if is_plain && is_text(registers) && bytes == TEXT_BYTES => View::Text,
            _ => View::Planes(0),
        };
        Self { start, bytes, view }
    }

    /// Where in the memory's view a byte of the window lies, if anything answers there.
    pub(super) fn offset(&self, at: u64) -> Option<u64> {
        at.checked_sub(self.start).filter(|offset| *offset < self.bytes)
    }
}

/// Whether even addresses mean plane 0 and odd ones plane 1, for reads and writes.
fn is_text(registers: &Registers) -> bool {
    registers.map_mask() == 0b0011 && registers.read_plane() & 2 == 0
}
