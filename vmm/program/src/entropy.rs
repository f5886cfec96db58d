//! Random bytes for the guest: the processor's own generator (Intel SDM vol. 1, 7.3.17).

use core::arch::x86_64::_rdrand64_step;
use vmm_devices::Entropy;

/// Leaf 1 ECX: RDRAND.
const RDRAND: u32 = 1 << 30;
/// Tries for one word: ten failures in a row mean that the generator is broken.
const TRIES_MAX: u32 = 10;

/// The processor's generator. Having one proves that the processor has RDRAND.
pub(crate) struct ProcessorEntropy(());

impl ProcessorEntropy {
    /// The generator, if there is one.
    pub(crate) fn find() -> Option<Self> {
        let has_rdrand = user_rt::cpuid(1, 0).ecx & RDRAND != 0;
        has_rdrand.then_some(Self(()))
    }

    #[allow(unsafe_code, reason = "the instruction may be absent, and the type proves that it is not")]
    fn word(&mut self) -> u64 {
        // SAFETY: `find` saw that the processor has RDRAND.
        unsafe { random_word() }
    }
}

/// A word of the generator.
///
/// # Panics
/// If the generator fails for good: a guest must not get bytes that only look random.
#[target_feature(enable = "rdrand")]
fn random_word() -> u64 {
    for _ in 0..TRIES_MAX {
        let mut word = 0;
        if _rdrand64_step(&mut word) == 1 {
            return word;
        }
    }
    panic!("the processor's random number generator is broken");
}

impl Entropy for ProcessorEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let word = self.word().to_le_bytes();
            for (to, from) in part.iter_mut().zip(word) {
                *to = from;
            }
        }
    }
}
