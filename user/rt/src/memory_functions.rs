//! `memcpy`, `memmove` and `memset` for ring 3.
//!
//! The compiler's own versions run up to three `rep` instructions for any length, each of which takes tens
//! of cycles to start. These move short blocks (most are) with overlapping word and vector accesses and use
//! `rep` only where it pays. They are written in assembly because the compiler would turn a loop that copies
//! into a call of the function that it is.
//!
//! All follow the C ABI: RDI target, RSI source or byte, RDX bytes; RAX the target again.

use core::arch::naked_asm;

/// Copies; the blocks do not overlap, or the target starts below the source.
///
/// Every part loads the block's tail before it stores anything, so the overlap that is allowed is harmless;
/// `memmove` relies on that.
///
/// # Safety
/// As in C: the source is readable and the target writable for that many bytes.
#[cfg_attr(target_os = "corten", unsafe(no_mangle))]
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn memcpy(target: *mut u8, source: *const u8, bytes: usize) -> *mut u8 {
    // tidy: table
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 16",
        "jb 20f",
        "cmp rdx, 32",
        "ja 30f",
        // 16 to 32 bytes: the first and the last 16.
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm1",
        "ret",
        "20:",
        "cmp edx, 8",
        "jb 21f",
        "mov rcx, [rsi]",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], r8",
        "ret",
        "21:",
        "cmp edx, 4",
        "jb 22f",
        "mov ecx, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], r8d",
        "ret",
        "22:",
        "cmp edx, 2",
        "jb 23f",
        "movzx ecx, word ptr [rsi]",
        "movzx r8d, byte ptr [rsi + rdx - 1]",
        "mov [rdi], cx",
        "mov [rdi + rdx - 1], r8b",
        "ret",
        "23:",
        "test edx, edx",
        "je 24f",
        "movzx ecx, byte ptr [rsi]",
        "mov [rdi], cl",
        "24:",
        "ret",
        // 33 bytes and more.
        "30:",
        "cmp rdx, 256",
        "jae 40f",
        "movups xmm2, [rsi + rdx - 32]",
        "movups xmm3, [rsi + rdx - 16]",
        "lea r8, [rdi + rdx - 32]",
        "31:",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm1",
        "add rsi, 32",
        "add rdi, 32",
        "cmp rdi, r8",
        "jb 31b",
        "movups [r8], xmm2",
        "movups [r8 + 16], xmm3",
        "ret",
        // 256 bytes and more: words, then the last eight bytes.
        "40:",
        "mov r8, [rsi + rdx - 8]",
        "lea r9, [rdi + rdx - 8]",
        "mov rcx, rdx",
        "shr rcx, 3",
        "rep movsq",
        "mov [r9], r8",
        "ret",
    )
}

/// Copies; the blocks may overlap.
///
/// # Safety
/// As for [`memcpy`].
#[cfg_attr(target_os = "corten", unsafe(no_mangle))]
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn memmove(target: *mut u8, source: *const u8, bytes: usize) -> *mut u8 {
    // tidy: table
    naked_asm!(
        // Target below the source, or behind its end: forwards. The difference wraps for the former.
        "mov rax, rdi",
        "sub rax, rsi",
        "cmp rax, rdx",
        "jae {memcpy}",
        "cmp rdx, 32",
        "jbe {memcpy}",
        // Backwards; the first 32 bytes are loaded before anything is stored, and stored last.
        "mov rax, rdi",
        "movups xmm2, [rsi]",
        "movups xmm3, [rsi + 16]",
        "50:",
        "movups xmm0, [rsi + rdx - 16]",
        "movups xmm1, [rsi + rdx - 32]",
        "movups [rdi + rdx - 16], xmm0",
        "movups [rdi + rdx - 32], xmm1",
        "sub rdx, 32",
        "cmp rdx, 32",
        "ja 50b",
        "movups [rdi], xmm2",
        "movups [rdi + 16], xmm3",
        "ret",
        memcpy = sym memcpy,
    )
}

/// Fills with one byte.
///
/// # Safety
/// As in C: the target is writable for that many bytes.
#[cfg_attr(target_os = "corten", unsafe(no_mangle))]
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn memset(target: *mut u8, value: i32, bytes: usize) -> *mut u8 {
    // tidy: table
    naked_asm!(
        // The byte eight times in R9.
        "movzx esi, sil",
        "mov r9, 0x0101010101010101",
        "imul r9, rsi",
        "mov rax, rdi",
        "cmp rdx, 16",
        "jae 70f",
        "cmp edx, 8",
        "jb 61f",
        "mov [rdi], r9",
        "mov [rdi + rdx - 8], r9",
        "ret",
        "61:",
        "cmp edx, 4",
        "jb 62f",
        "mov [rdi], r9d",
        "mov [rdi + rdx - 4], r9d",
        "ret",
        "62:",
        "test edx, edx",
        "je 63f",
        "mov [rdi], r9b",
        "mov [rdi + rdx - 1], r9b",
        "cmp edx, 2",
        "jbe 63f",
        "mov [rdi + 1], r9b",
        "63:",
        "ret",
        // 16 bytes and more.
        "70:",
        "cmp rdx, 256",
        "jae 80f",
        "movq xmm0, r9",
        "punpcklqdq xmm0, xmm0",
        "lea r8, [rdi + rdx - 16]",
        "71:",
        "movups [rdi], xmm0",
        "add rdi, 16",
        "cmp rdi, r8",
        "jb 71b",
        "movups [r8], xmm0",
        "ret",
        // 256 bytes and more: words, then the last eight bytes.
        "80:",
        "lea r8, [rdi + rdx - 8]",
        "mov rcx, rdx",
        "shr rcx, 3",
        "mov r10, rax",
        "mov rax, r9",
        "rep stosq",
        "mov [r8], r9",
        "mov rax, r10",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lengths around the limits between the ways of copying.
    const LENGTHS: core::ops::Range<usize> = 0..300;

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index * 7 + index / 256 + 1) as u8).collect()
    }

    #[test]
    fn memcpy_copies_every_byte_and_no_more() {
        for length in LENGTHS {
            let source = pattern(length);
            let mut target = vec![0xee; length + 2];

            // SAFETY: both blocks have the length.
            let answer = unsafe { memcpy(target.as_mut_ptr().wrapping_add(1), source.as_ptr(), length) };

            assert_eq!(answer, target.as_mut_ptr().wrapping_add(1));
            assert_eq!((target[0], target[length + 1]), (0xee, 0xee));
            assert_eq!(target[1..=length], source[..]);
        }
    }

    #[test]
    fn memmove_copies_overlapping_blocks_both_ways() {
        for length in LENGTHS {
            for distance in [0, 1, 3, 7, 8, 15, 16, 17, 31, 32, 33, 100, 255, 300] {
                let original = pattern(length + distance);
                let mut up = original.clone();
                let mut down = original.clone();
                let (up_start, down_start) = (up.as_mut_ptr(), down.as_mut_ptr());

                // SAFETY: both blocks lie in the buffer.
                unsafe { memmove(up_start.wrapping_add(distance), up_start, length) };
                // SAFETY: both blocks lie in the buffer.
                unsafe { memmove(down_start, down_start.wrapping_add(distance), length) };

                assert_eq!(up[distance..], original[..length]);
                assert_eq!(up[..distance.min(length)], original[..distance.min(length)]);
                assert_eq!(down[..length], original[distance..]);
                assert_eq!(down[length.max(distance)..], original[length.max(distance)..]);
            }
        }
    }

    #[test]
    fn memset_fills_every_byte_and_no_more() {
        for length in LENGTHS {
            let mut target = vec![0xee; length + 2];

            // SAFETY: the block lies in the buffer.
            let answer = unsafe { memset(target.as_mut_ptr().wrapping_add(1), 0x1a5, length) };

            assert_eq!(answer, target.as_mut_ptr().wrapping_add(1));
            assert_eq!((target[0], target[length + 1]), (0xee, 0xee));
            assert!(target[1..=length].iter().all(|byte| *byte == 0xa5));
        }
    }
}
