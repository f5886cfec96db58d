//! Changes bytes at random, the same way for the same seed.

/// Bytes of an input at the most.
pub const INPUT_BYTES_MAX: usize = 64 * 1024;
/// Changes made to one input at the most.
const CHANGES_MAX: u64 = 6;
/// Bytes that one change puts in or takes out at the most.
const BLOCK_BYTES_MAX: u64 = 64;
/// Every so many inputs are made of nothing but chance.
const PURE_CHANCE: u64 = 32;
/// Numbers at which code likes to err.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0xFFF,
    0x1000,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_FFFF_F000,
    u64::MAX,
];

/// A source of inputs.
pub struct Mutator {
    state: u64,
    words: &'static [&'static [u8]],
}

impl Mutator {
    /// A source that gives the same inputs for the same seed.
    pub fn new(seed: u64, words: &'static [&'static [u8]]) -> Self {
        Self { state: seed, words }
    }

    /// The next input: one of `seeds` with some changes.
    pub fn next(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        if seeds.is_empty() || self.below(PURE_CHANCE) == 0 {
            let length = self.below(512);
            return (0..length).map(|_| self.number() as u8).collect();
        }
        let mut bytes = seeds[self.index(seeds.len())].clone();
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut bytes, seeds);
        }
        bytes.truncate(INPUT_BYTES_MAX);
        bytes
    }

    /// A number below `limit`, which is not zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        match self.below(12) {
            0..=2 => self.flip_bit(bytes),
            3 => self.replace_byte(bytes),
            4 | 5 => self.replace_number(bytes),
            6 => self.add(bytes),
            7 => self.insert(bytes),
            8 => self.remove(bytes),
            9 => self.repeat(bytes),
            10 => self.splice(bytes, seeds),
            _ => self.insert_word(bytes),
        }
    }

    fn flip_bit(&mut self, bytes: &mut [u8]) {
        let at = self.index(bytes.len());
        let bit = self.below(8);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn replace_byte(&mut self, bytes: &mut [u8]) {
        let at = self.index(bytes.len());
        let value = self.number() as u8;
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    }

    fn replace_number(&mut self, bytes: &mut [u8]) {
        let at = self.index(bytes.len());
        let width = 1 << self.below(4);
        let number = NUMBERS[self.index(NUMBERS.len())].to_le_bytes();
        bytes.iter_mut().skip(at).zip(number).take(width).for_each(|(byte, new)| *byte = new);
    }

    fn add(&mut self, bytes: &mut [u8]) {
        let at = self.index(bytes.len());
        let difference = (self.below(33) as u8).wrapping_sub(16);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = byte.wrapping_add(difference);
        }
    }

    fn insert(&mut self, bytes: &mut Vec<u8>) {
        let at = self.index(bytes.len() + 1);
        let count = 1 + self.below(BLOCK_BYTES_MAX);
        let block: Vec<u8> = (0..count).map(|_| self.number() as u8).collect();
        bytes.splice(at..at, block);
    }

    fn insert_word(&mut self, bytes: &mut Vec<u8>) {
        if self.words.is_empty() {
            return self.insert(bytes);
        }
        let at = self.index(bytes.len() + 1);
        let word = self.words[self.index(self.words.len())];
        bytes.splice(at..at, word.iter().copied());
    }

    fn remove(&mut self, bytes: &mut Vec<u8>) {
        let start = self.index(bytes.len());
        let count = 1 + self.below(BLOCK_BYTES_MAX) as usize;
        bytes.drain(start..bytes.len().min(start.saturating_add(count)));
    }

    fn repeat(&mut self, bytes: &mut Vec<u8>) {
        let block = self.block(bytes);
        let at = self.index(bytes.len() + 1);
        bytes.splice(at..at, block);
    }

    /// Puts a part of another seed in.
    fn splice(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let other = &seeds[self.index(seeds.len())];
        let block = self.block(other);
        let at = self.index(bytes.len() + 1);
        let end = if self.below(2) == 0 { at } else { bytes.len().min(at + block.len()) };
        bytes.splice(at..end, block);
    }

    fn block(&mut self, bytes: &[u8]) -> Vec<u8> {
        let start = self.index(bytes.len());
        let count = 1 + self.below(BLOCK_BYTES_MAX) as usize;
        bytes.iter().skip(start).take(count).copied().collect()
    }

    /// A place below `length`; 0 if there is none.
    fn index(&mut self, length: usize) -> usize {
        (self.number() % (length.max(1) as u64)) as usize
    }

    /// The next number (Steele, Lea and Flood, "Fast splittable pseudorandom number generators": SplitMix64).
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}
