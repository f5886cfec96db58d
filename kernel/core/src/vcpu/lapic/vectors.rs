//! A set of interrupt vectors.

/// 256 bits, one for each vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct VectorSet([u64; 4]);

impl VectorSet {
    /// The highest vector in the set.
    #[inline]
    pub(crate) fn highest(&self) -> Option<u8> {
        for index in (0..4u8).rev() {
            let word = self.0[usize::from(index)];
            if word != 0 {
                return Some(index << 6 | (63 - word.leading_zeros()) as u8);
            }
        }
        None
    }

    /// Whether no vector is in the set.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let [first, second, third, fourth] = self.0;
        first | second | third | fourth == 0
    }

    /// Whether exactly one vector is in the set.
    #[inline]
    pub(crate) fn is_single(&self) -> bool {
        let [first, second, third, fourth] = self.0;
        let all = first | second | third | fourth;
        // One bit in all of them together; two words that have it are not counted, wherever they are.
        let is_twice = first & second | (first | second) & third | (first | second | third) & fourth != 0;
        all.is_power_of_two() && !is_twice
    }

    /// Whether `vector` is in the set.
    #[inline]
    pub(crate) fn has(&self, vector: u8) -> bool {
        self.0[usize::from(vector >> 6)] & 1 << (vector & 63) != 0
    }

    /// Adds `vector`.
    #[inline]
    pub(crate) fn insert(&mut self, vector: u8) {
        self.0[usize::from(vector >> 6)] |= 1 << (vector & 63);
    }

    /// Takes `vector` away.
    #[inline]
    pub(crate) fn remove(&mut self, vector: u8) {
        self.0[usize::from(vector >> 6)] &= !(1 << (vector & 63));
    }

    /// Adds or takes away the vectors of `mask` in word `word` (below 4).
    pub(crate) fn set_word(&mut self, word: usize, mask: u64, bits: u64) {
        self.0[word] = self.0[word] & !mask | bits & mask;
    }

    /// Word `word` (below 4).
    #[inline]
    pub(crate) fn word(&self, word: usize) -> u64 {
        self.0[word]
    }

    /// Takes the vectors of word `word` (below 4) away and returns them.
    #[inline]
    pub(crate) fn take_word(&mut self, word: usize) -> u64 {
        core::mem::take(&mut self.0[word])
    }

    /// All vectors.
    pub(crate) fn words(&self) -> [u64; 4] {
        self.0
    }

    /// A set of these vectors.
    pub(crate) fn from_words(words: [u64; 4]) -> Self {
        Self(words)
    }

    /// The 32 vectors of register `index` (below 8).
    pub(crate) fn register(&self, index: u32) -> u32 {
        let index = index & 7;
        (self.0[(index >> 1) as usize] >> (32 * (index & 1))) as u32
    }

    /// Sets the 32 vectors of register `index` (below 8).
    pub(crate) fn set_register(&mut self, index: u32, value: u32) {
        let index = index & 7;
        let shift = 32 * (index & 1);
        self.set_word((index >> 1) as usize, 0xffff_ffff << shift, u64::from(value) << shift);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_behaves_as_a_set(steps in proptest::collection::vec((any::<u8>(), any::<bool>()), 0..200)) {
            let mut set = VectorSet::default();
            let mut model = BTreeSet::new();
            for (vector, is_added) in steps {
                if is_added { set.insert(vector); model.insert(vector); } else { set.remove(vector); model.remove(&vector); }
                prop_assert_eq!(set.highest(), model.last().copied());
                prop_assert_eq!(set.has(vector), model.contains(&vector));
                prop_assert_eq!(set.is_empty(), model.is_empty());
                prop_assert_eq!(set.is_single(), model.len() == 1);
            }
            let mut copy = VectorSet::default();
            for index in 0..8 { copy.set_register(index, set.register(index)); }
            prop_assert_eq!(copy, set);
        }
    }
}
