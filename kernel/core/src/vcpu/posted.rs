//! What others post to a vCPU, in the form that VT-x takes interrupts from by itself: a posted-interrupt descriptor (Intel
//! SDM vol. 3, 30.6).
//!
//! It begins with the 256 vectors. The bit after them, [`POSTED_INTERRUPT`], says that some are there and that the vCPU was
//! told; the bits after that one are software's and say what else is posted. Who posts a vector sets it, then the bit, and
//! tells the vCPU if the bit was clear. Who takes vectors clears the bit first: the vCPU's thread before it enters the
//! guest, or, where hardware can, the processor when it is told while the guest runs, without an exit. Whichever it is, what
//! is posted meanwhile is taken too or told anew.
//!
//! Some vectors are kept apart, for the thread alone ([`Posted::is_apart`]).

use super::lapic::VECTOR_MIN;
use core::mem::{align_of, offset_of};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Interrupts are posted: the descriptor's "outstanding notification" bit.
pub(super) const POSTED_INTERRUPT: u32 = 1 << 0;
/// Vectors that are kept apart are posted.
pub(super) const POSTED_APART: u32 = 1 << 3;
/// A non-maskable interrupt.
pub(super) const POSTED_NMI: u32 = 1 << 4;
/// INIT.
pub(super) const POSTED_INIT: u32 = 1 << 5;
/// SIPI; the vector is in [`SIPI_SHIFT`].
pub(super) const POSTED_SIPI: u32 = 1 << 6;
/// `vcpu_kick`.
pub(super) const POSTED_KICK: u32 = 1 << 7;
/// KVM_HC_KICK_CPU: only ends a halt.
pub(super) const POSTED_UNHALT: u32 = 1 << 8;
/// The PIC's line has risen.
pub(super) const POSTED_EXTERNAL: u32 = 1 << 9;
/// Which words the posted vectors are in. Only a hint that nobody is told of: hardware takes vectors and leaves it.
const WORDS: u32 = 0b1111 << WORDS_SHIFT;
const WORDS_SHIFT: u32 = 10;
/// All that is about vectors.
pub(super) const POSTED_VECTORS: u32 = POSTED_INTERRUPT | POSTED_APART | WORDS;
/// Place of the SIPI vector in the posted word.
pub(super) const SIPI_SHIFT: u32 = 24;

/// What is posted to a vCPU.
#[repr(C, align(64))]
pub struct Posted {
    /// Requested vectors.
    requested: [AtomicU64; 4],
    /// `POSTED_*` bits.
    pending: AtomicU32,
    /// The end of the descriptor.
    _unused: [u32; 7],
    /// Requested vectors that are kept apart.
    apart: [AtomicU64; 4],
    /// Vectors that were level-triggered when they were posted last.
    level: [AtomicU64; 4],
}

/// Bytes of the descriptor, to which it is aligned.
const DESCRIPTOR_BYTES: usize = 64;
const _: () = assert!(offset_of!(Posted, requested) == 0 && offset_of!(Posted, pending) == 32);
const _: () =
    assert!(offset_of!(Posted, apart) == DESCRIPTOR_BYTES && align_of::<Posted>() == DESCRIPTOR_BYTES);

/// Word and bit of a vector.
#[inline]
fn place(vector: u8) -> (usize, u64) {
    (usize::from(vector >> 6), 1 << (vector & 63))
}

/// The hint for word `word`.
#[inline]
fn hint(word: usize) -> u32 {
    1 << (WORDS_SHIFT + word as u32)
}

/// The words (below 4) that `posted` hints at.
pub(super) fn words(posted: u32) -> impl Iterator<Item = usize> {
    let mut rest = posted & WORDS;
    core::iter::from_fn(move || {
        let word = rest.checked_ilog2()?;
        rest &= !(1 << word);
        Some((word - WORDS_SHIFT) as usize)
    })
}

impl Posted {
    /// Nothing.
    pub(super) const fn new() -> Self {
        Self {
            requested: [const { AtomicU64::new(0) }; 4],
            pending: AtomicU32::new(0),
            _unused: [0; 7],
            apart: [const { AtomicU64::new(0) }; 4],
            level: [const { AtomicU64::new(0) }; 4],
        }
    }

    /// Whether hardware must not take this one by itself: the end of a level-triggered interrupt is to be told, or is not any
    /// more, which it learns from the thread; and vectors below 16 are errors.
    #[inline]
    pub(super) fn is_apart(&self, vector: u8, is_level: bool) -> bool {
        let (word, bit) = place(vector);
        is_level || vector < VECTOR_MIN || self.level[word].load(Ordering::Relaxed) & bit != 0
    }

    /// Posts an interrupt; whether the vCPU is to be told.
    #[inline]
    pub(super) fn request(&self, vector: u8) -> bool {
        let (word, bit) = place(vector);
        self.requested[word].fetch_or(bit, Ordering::Release);
        self.pending.fetch_or(POSTED_INTERRUPT | hint(word), Ordering::SeqCst) & POSTED_INTERRUPT == 0
    }

    /// Posts an interrupt that is kept apart; whether the vCPU is to be told.
    pub(super) fn request_apart(&self, vector: u8, is_level: bool) -> bool {
        let (word, bit) = place(vector);
        if is_level {
            self.level[word].fetch_or(bit, Ordering::Relaxed);
        } else {
            self.level[word].fetch_and(!bit, Ordering::Relaxed);
        }
        self.apart[word].fetch_or(bit, Ordering::Release);
        self.post(POSTED_APART | hint(word))
    }

    /// Posts other `POSTED_*` bits; whether the vCPU is to be told. Whoever set the same bits first told it, and it has not
    /// taken them yet.
    #[inline]
    pub(super) fn post(&self, bits: u32) -> bool {
        self.pending.fetch_or(bits, Ordering::SeqCst) & bits != bits
    }

    /// Posts nothing of this after all.
    pub(super) fn withdraw(&self, bits: u32) {
        self.pending.fetch_and(!bits, Ordering::SeqCst);
    }

    /// Whether one of `bits` is posted.
    pub(super) fn has(&self, bits: u32) -> bool {
        self.pending.load(Ordering::SeqCst) & bits != 0
    }

    /// Whether anything is posted.
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        self.has(!WORDS)
    }

    /// Owner: whether anything is posted. A hint: [`Posted::take`] decides.
    #[inline(always)]
    pub(super) fn seems_any(&self) -> bool {
        self.pending.load(Ordering::Relaxed) & !WORDS != 0
    }

    /// Owner: takes the `POSTED_*` bits.
    pub(super) fn take(&self) -> u32 {
        self.pending.swap(0, Ordering::SeqCst)
    }

    /// Owner: takes the bits if nothing is posted but vectors of one word that are not kept apart; says which word.
    #[inline]
    pub(super) fn take_single_word(&self) -> Option<usize> {
        let posted = self.pending.load(Ordering::Relaxed);
        let word = match posted ^ POSTED_INTERRUPT {
            other if other == hint(0) => 0,
            other if other == hint(1) => 1,
            other if other == hint(2) => 2,
            other if other == hint(3) => 3,
            _ => return None,
        };
        self.pending.compare_exchange(posted, 0, Ordering::SeqCst, Ordering::Relaxed).ok()?;
        Some(word)
    }

    /// Owner: takes the posted vectors of word `word` (below 4).
    #[inline]
    pub(super) fn take_vectors(&self, word: usize) -> u64 {
        self.requested[word].swap(0, Ordering::Acquire)
    }

    /// Owner: takes those that are kept apart, and says which of the word's are level-triggered.
    pub(super) fn take_apart(&self, word: usize) -> (u64, u64) {
        let requested = self.apart[word].swap(0, Ordering::Acquire);
        (requested, self.level[word].load(Ordering::Relaxed))
    }

    /// What a processor does that takes vectors by itself and is told while the guest runs (Intel SDM vol. 3, 30.6).
    #[cfg(test)]
    pub(crate) fn take_as_hardware(&self) -> [u64; 4] {
        self.pending.fetch_and(!POSTED_INTERRUPT, Ordering::SeqCst);
        core::array::from_fn(|word| self.take_vectors(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    /// Takes all, as the owner does: vectors that hardware may take, and the others.
    fn take_all(posted: &Posted) -> ([u64; 4], [u64; 4]) {
        let (mut plain, mut apart) = ([0; 4], [0; 4]);
        for word in words(posted.take()) {
            plain[word] = posted.take_vectors(word);
            apart[word] = posted.take_apart(word).0;
        }
        (plain, apart)
    }

    fn insert(set: &mut [u64; 4], vector: u8) {
        let (word, bit) = place(vector);
        set[word] |= bit;
    }

    #[test]
    fn it_begins_as_the_manual_says() {
        let posted = Posted::new();
        posted.request(0x21);
        posted.request(0xff);

        let requested: [u64; 4] = core::array::from_fn(|word| posted.requested[word].load(Ordering::Relaxed));

        assert_eq!(requested, [1 << 0x21, 0, 0, 1 << 63]);
        assert_eq!(posted.pending.load(Ordering::Relaxed) & 1, 1, "bit 256: some are there");
    }

    #[test]
    fn a_hint_that_hardware_left_is_nothing_to_look_at() {
        let posted = Posted::new();
        posted.request(0x61);
        posted.take_as_hardware();

        assert!(!posted.is_any() && !posted.seems_any() && posted.take_single_word().is_none());
    }

    proptest! {
        #[test]
        fn what_is_posted_is_taken_once_and_told_once(
            steps in proptest::collection::vec((any::<u8>(), 0..6u8), 0..300),
        ) {
            let posted = Posted::new();
            let (mut plain, mut apart) = ([0; 4], [0; 4]);
            for (vector, step) in steps {
                match step {
                    0 => prop_assert_eq!(posted.take_as_hardware(), core::mem::take(&mut plain)),
                    1 => {
                        let expected = (core::mem::take(&mut plain), core::mem::take(&mut apart));
                        prop_assert_eq!(take_all(&posted), expected);
                        prop_assert!(!posted.is_any());
                    }
                    _ if posted.is_apart(vector, step == 2) => {
                        posted.request_apart(vector, step == 2);
                        insert(&mut apart, vector);
                    }
                    _ => {
                        prop_assert_eq!(posted.request(vector), plain == [0; 4]);
                        insert(&mut plain, vector);
                    }
                }
            }
            prop_assert_eq!(take_all(&posted), (plain, apart));
        }
    }

    /// Posts of a vector in the test below, and turns of a loop after which a tell is taken for lost.
    const POSTS: u32 = 2_000;
    const TURNS_MAX: u32 = 100_000_000;

    /// Posts `vector` again each time that it was taken.
    fn post_often(posted: &Posted, is_told: &AtomicBool, taken: &AtomicU32, vector: u8) {
        for post in 0..POSTS {
            if posted.request(vector) {
                is_told.store(true, Ordering::SeqCst);
            }
            let mut turns = 0;
            while taken.load(Ordering::SeqCst) == post {
                turns += 1;
                assert!(turns < TURNS_MAX, "{vector:#x} is posted and nobody was told");
                thread::yield_now();
            }
        }
    }

    #[test]
    fn nothing_is_lost_between_posters_and_takers() {
        let vectors = [0x20, 0x21, 0x61, 0xff];
        let posted = Posted::new();
        let is_told = AtomicBool::new(false);
        let taken = [const { AtomicU32::new(0) }; 4];
        thread::scope(|scope| {
            for (vector, taken) in vectors.into_iter().zip(&taken) {
                let (posted, is_told) = (&posted, &is_told);
                scope.spawn(move || post_often(posted, is_told, taken, vector));
            }
            let mut is_hardware = false;
            while taken.iter().any(|count| count.load(Ordering::SeqCst) < POSTS) {
                if !is_told.swap(false, Ordering::SeqCst) {
                    thread::yield_now();
                    continue;
                }
                is_hardware = !is_hardware;
                let all = if is_hardware { posted.take_as_hardware() } else { take_all(&posted).0 };
                for (vector, taken) in vectors.into_iter().zip(&taken) {
                    let (word, bit) = place(vector);
                    taken.fetch_add(u32::from(all[word] & bit != 0), Ordering::SeqCst);
                }
            }
        });
    }
}
