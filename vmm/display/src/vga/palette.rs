//! The palette: 256 colours that the guest writes one part at a time.

use alloc::{vec, vec::Vec};
use serde::{Deserialize, Serialize};

/// Bytes of the palette: red, green and blue of 256 entries.
const BYTES: usize = 256 * 3;

/// The palette (IBM, "Video DAC").
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Palette {
    parts: Vec<u8>,
    /// Bits of a pixel that reach it.
    pub(super) mask: u8,
    read_index: u8,
    write_index: u8,
    /// Which part comes next: 0 = red.
    part: u8,
    /// Parts that wait for the blue one.
    waiting: [u8; 2],
    /// Whether the last index was for reading.
    reads: bool,
}

/// How many bits a part has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Depth {
    /// Six, as VGA has it.
    Six,
    /// Eight, in modes of the extension that ask for it.
    Eight,
}

impl Palette {
    /// All black.
    pub(super) fn new() -> Self {
        Self {
            parts: vec![0; BYTES],
            mask: 0xFF,
            read_index: 0,
            write_index: 0,
            part: 0,
            waiting: [0; 2],
            reads: false,
        }
    }

    /// Says which entry is read next.
    pub(super) fn select_read(&mut self, index: u8) {
        self.read_index = index;
        self.part = 0;
        self.reads = true;
    }

    /// Says which entry is written next.
    pub(super) fn select_write(&mut self, index: u8) {
        self.write_index = index;
        self.part = 0;
        self.reads = false;
    }

    /// The entry that is written next.
    pub(super) fn write_index(&self) -> u8 {
        self.write_index
    }

    /// 3 after the index for reading was written, else 0.
    pub(super) fn state(&self) -> u8 {
        if self.reads { 3 } else { 0 }
    }

    /// Reads the next part.
    pub(super) fn read(&mut self) -> u8 {
        let place = usize::from(self.read_index) * 3 + usize::from(self.part);
        let value = self.parts.get(place).copied().unwrap_or(0);
        if self.next_part() {
            self.read_index = self.read_index.wrapping_add(1);
        }
        value
    }

    /// Writes the next part; the entry changes with the last one.
    pub(super) fn write(&mut self, value: u8) {
        if let Some(waiting) = self.waiting.get_mut(usize::from(self.part)) {
            *waiting = value;
        }
        if self.next_part() {
            let [red, green] = self.waiting;
            let place = usize::from(self.write_index) * 3;
            if let Some(entry) = place.checked_add(3).and_then(|end| self.parts.get_mut(place..end)) {
                entry.copy_from_slice(&[red, green, value]);
            }
            self.write_index = self.write_index.wrapping_add(1);
        }
    }

    /// The colour of a pixel: 0x00RRGGBB.
    pub(super) fn colour(&self, pixel: u8, depth: Depth) -> u32 {
        let place = usize::from(pixel & self.mask) * 3;
        let part = |offset: usize| {
            let part = self.parts.get(place + offset).copied().unwrap_or(0);
            match depth {
                Depth::Six => part << 2 | part >> 4 & 3,
                Depth::Eight => part,
            }
        };
        u32::from_be_bytes([0, part(0), part(1), part(2)])
    }

    /// Whether the state is one that writes can lead to.
    pub(super) fn is_possible(&self) -> bool {
        self.parts.len() == BYTES && self.part < 3
    }

    /// Goes to the next part; `true` after the last one.
    fn next_part(&mut self) -> bool {
        self.part = if self.part >= 2 { 0 } else { self.part + 1 };
        self.part == 0
    }
}
