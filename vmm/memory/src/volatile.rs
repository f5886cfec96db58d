//! Copies between memory that others write and memory that is ours.
//!
//! Every access is volatile: the compiler neither repeats nor merges nor invents one, whatever other
//! processors do meanwhile. Words of eight bytes are moved in one access each; a naturally aligned
//! integer is never torn.

use core::ptr;

/// Bytes of one step of the unrolled loops.
const STEP: usize = 64;
/// Bytes of one word.
const WORD: usize = 8;

/// An integer at any address: x86 moves it in one access when it is aligned.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned<T>(T);

/// Copies to `into` from shared memory.
///
/// # Safety
/// `from` is valid for reads of `into.len()` bytes and `into` does not overlap it.
pub(crate) unsafe fn copy_out(mut from: *const u8, into: &mut [u8]) {
    let (steps, rest) = into.as_chunks_mut::<STEP>();
    for step in steps {
        for word in step.as_chunks_mut::<WORD>().0 {
            // SAFETY: the word lies within the bytes that the caller vouches for.
            *word = unsafe { load::<u64>(from) }.to_ne_bytes();
            from = from.wrapping_add(WORD);
        }
    }
    let (words, tail) = rest.as_chunks_mut::<WORD>();
    for word in words {
        // SAFETY: as above.
        *word = unsafe { load::<u64>(from) }.to_ne_bytes();
        from = from.wrapping_add(WORD);
    }
    for byte in tail {
        // SAFETY: as above.
        *byte = unsafe { load::<u8>(from) };
        from = from.wrapping_add(1);
    }
}

/// Copies `from` to shared memory.
///
/// # Safety
/// `to` is valid for writes of `from.len()` bytes and `from` does not overlap it.
pub(crate) unsafe fn copy_in(mut to: *mut u8, from: &[u8]) {
    let (steps, rest) = from.as_chunks::<STEP>();
    for step in steps {
        for word in step.as_chunks::<WORD>().0 {
            // SAFETY: the word lies within the bytes that the caller vouches for.
            unsafe { store(to, u64::from_ne_bytes(*word)) };
            to = to.wrapping_add(WORD);
        }
    }
    let (words, tail) = rest.as_chunks::<WORD>();
    for word in words {
        // SAFETY: as above.
        unsafe { store(to, u64::from_ne_bytes(*word)) };
        to = to.wrapping_add(WORD);
    }
    for byte in tail {
        // SAFETY: as above.
        unsafe { store(to, *byte) };
        to = to.wrapping_add(1);
    }
}

/// Reads one integer of shared memory.
///
/// # Safety
/// `from` is valid for reads of the integer's size. It need not be aligned.
#[inline]
pub(crate) unsafe fn load<T: Copy>(from: *const u8) -> T {
    // SAFETY: the caller vouches for the bytes; the packed type needs no alignment.
    let word = unsafe { ptr::read_volatile(from.cast::<Unaligned<T>>()) };
    word.0
}

/// Writes one integer of shared memory.
///
/// # Safety
/// `to` is valid for writes of the integer's size. It need not be aligned.
#[inline]
pub(crate) unsafe fn store<T: Copy>(to: *mut u8, value: T) {
    // SAFETY: the caller vouches for the bytes; the packed type needs no alignment.
    unsafe { ptr::write_volatile(to.cast::<Unaligned<T>>(), Unaligned(value)) };
}
