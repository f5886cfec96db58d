//! Random numbers of the processor's own generator (Intel SDM vol. 1, 7.3.17).

use crate::cpuid::cpuid;
use crate::once::Once;
use core::arch::x86_64::_rdrand64_step;

/// Leaf 1 ECX: RDRAND.
const RDRAND: u32 = 1 << 30;
/// Tries for one number: ten failures in a row mean that the generator is broken.
const TRIES_MAX: u32 = 10;

static HAS_RDRAND: Once<bool> = Once::new();

/// A number that nobody can predict. `None`: the processor has no generator, or a broken one.
pub fn random_u64() -> Option<u64> {
    if !*HAS_RDRAND.get_or_init(|| cpuid(1, 0).ecx & RDRAND != 0) {
        return None;
    }
    // SAFETY: CPUID says that the processor has RDRAND.
    unsafe { read_generator() }
}

#[target_feature(enable = "rdrand")]
fn read_generator() -> Option<u64> {
    for _ in 0..TRIES_MAX {
        let mut number = 0;
        if _rdrand64_step(&mut number) == 1 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_differ() {
        // A machine without a generator has nothing to show here.
        if let Some(first) = random_u64() {
            assert_ne!(random_u64(), Some(first));
        }
    }
}
