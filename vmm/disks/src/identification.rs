//! The 256 words that drives identify themselves with.

use crate::drive::Interface;
use alloc::vec::Vec;
use spec::ata::identify as word;

/// Firmware revision that all drives show.
pub(crate) const FIRMWARE: &[u8] = b"1.0";
const WORDS: usize = 256;
/// Depth of the queue of native command queuing.
const QUEUE_DEPTH: u16 = 32;
/// Cycle time of PIO mode 4 and multiword DMA mode 2, in nanoseconds.
const CYCLE_NS: u16 = 120;
/// The low byte of the last word, if the high one is a checksum.
const SIGNATURE: u8 = 0xA5;

/// Words being put together.
pub(crate) struct Identification {
    words: [u16; WORDS],
}

impl Default for Identification {
    fn default() -> Self {
        Self { words: [0; WORDS] }
    }
}

impl Identification {
    /// Sets one word.
    pub(crate) fn set(&mut self, index: usize, value: u16) {
        if let Some(word) = self.words.get_mut(index) {
            *word = value;
        }
    }

    /// Sets two words, the lower half first.
    pub(crate) fn double(&mut self, index: usize, value: u32) {
        self.set(index, value as u16);
        self.set(index.saturating_add(1), (value >> 16) as u16);
    }

    /// Sets text, padded with spaces; of each word the high byte comes first (ACS 3.3.10).
    pub(crate) fn text(&mut self, index: usize, words: usize, text: &[u8]) {
        let byte = |position: usize| match text.get(position) {
            Some(0) | None => b' ',
            Some(byte) => *byte,
        };
        for place in 0..words {
            let first = place.saturating_mul(2);
            let value = u16::from_be_bytes([byte(first), byte(first.saturating_add(1))]);
            self.set(index.saturating_add(place), value);
        }
    }

    /// Sets a word of transfer modes: supported ones below, the selected one above.
    pub(crate) fn modes(&mut self, index: usize, kind: u8, highest: u8, selected: u8) {
        let supported = (2u16 << highest).wrapping_sub(1);
        let is_selected = selected & 0xF8 == kind;
        let active = if is_selected { 0x100u16 << (selected & 7) } else { 0 };
        self.set(index, supported | active);
    }

    /// PIO modes 3 and 4 and the cycle times.
    pub(crate) fn pio_timing(&mut self) {
        self.set(word::PIO_MODES, 3);
        for place in 0..4 {
            self.set(word::CYCLE_TIMES.saturating_add(place), CYCLE_NS);
        }
    }

    /// What depends on the interface.
    pub(crate) fn plug(&mut self, interface: Interface, has_queue: bool) {
        match interface {
            Interface::Serial => {
                if has_queue {
                    self.set(word::QUEUE_DEPTH, QUEUE_DEPTH.saturating_sub(1));
                }
                // Three generations of links.
                self.set(word::SERIAL_CAPABILITIES, 0xE | u16::from(has_queue) << 8);
                self.set(word::TRANSPORT, 0x107E);
            }
            // The cable has 80 wires; drive 0 was found.
            Interface::Parallel => self.set(word::RESET_RESULT, 0x6001),
        }
    }

    /// The bytes, with their checksum.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let words = self.words.iter().take(word::INTEGRITY);
        let sum = words.flat_map(|word| word.to_le_bytes()).fold(SIGNATURE, u8::wrapping_add);
        self.set(word::INTEGRITY, u16::from_le_bytes([SIGNATURE, 0u8.wrapping_sub(sum)]));
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}
