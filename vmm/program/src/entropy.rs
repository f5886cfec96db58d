//! Random bytes for the guest.

use vmm_devices::Entropy;

/// The processor's generator. Having one proves that it gave a number once.
pub(crate) struct ProcessorEntropy(());

impl ProcessorEntropy {
    /// The generator, if there is one.
    pub(crate) fn find() -> Option<Self> {
        user_rt::random_u64().map(|_| Self(()))
    }
}

impl Entropy for ProcessorEntropy {
    /// # Panics
    /// If the generator fails for good: a guest must not get bytes that only look random.
    fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let Some(number) = user_rt::random_u64() else {
                panic!("the processor's random number generator is broken");
            };
            for (to, from) in part.iter_mut().zip(number.to_le_bytes()) {
                *to = from;
            }
        }
    }
}
