//! Memory objects mapped into this program.
//!
//! Mapped memory may be shared with a guest or another process and may change at any time, so it is
//! never seen as a Rust slice: bytes are copied in and out by machine instructions that the compiler does not look
//! into, or accessed as atomics.

use crate::object::{Memory, Object};
use crate::syscall::{call3, call6};
use abi::{Error, Handle, MapFlags, Syscall};
use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

/// Whole pages of a memory object, mapped into this program until the value is dropped.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
    flags: MapFlags,
}

// SAFETY: the pages are mapped for all threads of the process, and every access is a volatile copy or
// atomic, which may run in parallel.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps where the kernel finds room.
    pub(crate) fn new(memory: &Memory, offset: u64, bytes: u64, flags: MapFlags) -> Result<Self, Error> {
        Self::map(memory, offset, bytes, 0, flags.difference(MapFlags::FIXED))
    }

    /// Maps at `address`; `Exists` if something is there.
    pub(crate) fn new_at(
        memory: &Memory,
        offset: u64,
        bytes: u64,
        address: u64,
        flags: MapFlags,
    ) -> Result<Self, Error> {
        Self::map(memory, offset, bytes, address, flags | MapFlags::FIXED)
    }

    fn map(memory: &Memory, offset: u64, bytes: u64, address: u64, flags: MapFlags) -> Result<Self, Error> {
        let own = u64::from(Handle::NONE.0);
        let object = memory.handle().raw();
        // SAFETY: the call takes no pointers and adds a mapping where there is none.
        let (address, _) =
            unsafe { call6(Syscall::ProcessMap, own, object, offset, bytes, address, flags.bits()) }?;
        let start = core::ptr::with_exposed_provenance_mut::<u8>(address as usize);
        let start = NonNull::new(start).ok_or(Error::BadAddress)?;
        Ok(Self { start, bytes: bytes as usize, flags })
    }

    /// The first byte. Valid for [`Mapping::len`] bytes while the mapping lives.
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.start
    }

    /// The address of the first byte.
    pub fn address(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it has no bytes (never: the kernel maps at least one page).
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Leaves the pages mapped for as long as the process lives; for code that keeps the pointer.
    pub fn leak(self) -> (NonNull<u8>, usize) {
        let parts = (self.start, self.bytes);
        core::mem::forget(self);
        parts
    }

    /// Takes over what [`Mapping::leak`] gave away, or a part of it that is whole pages.
    ///
    /// # Safety
    /// The pages are mapped for reading and writing and nothing else owns or uses them.
    #[cfg(target_os = "corten")]
    pub(crate) unsafe fn from_leaked(start: NonNull<u8>, bytes: usize) -> Self {
        Self { start, bytes, flags: MapFlags::READ | MapFlags::WRITE }
    }

    /// Copies bytes out. `OutOfRange` past the end.
    pub fn read(&self, offset: usize, target: &mut [u8]) -> Result<(), Error> {
        let source = self.at(offset, target.len(), MapFlags::READ)?;
        // SAFETY: `at` checked that the source is mapped and readable; the target is ours alone.
        unsafe { copy_bytes(source, target.as_mut_ptr(), target.len()) };
        Ok(())
    }

    /// Copies bytes in. `OutOfRange` past the end, `AccessDenied` if the mapping is read-only.
    pub fn write(&self, offset: usize, source: &[u8]) -> Result<(), Error> {
        let target = self.at(offset, source.len(), MapFlags::WRITE)?;
        // SAFETY: `at` checked that the target is mapped and writable, and no Rust reference covers it.
        unsafe { copy_bytes(source.as_ptr(), target, source.len()) };
        Ok(())
    }

    /// All bytes of a writable mapping as atomics: a safe way to hand the pages to code that copies by
    /// its own instructions. The slice's pointer is good for volatile access of any width.
    pub fn atomic_bytes(&self) -> Result<&[AtomicU8], Error> {
        let start = self.at(0, self.bytes, MapFlags::READ | MapFlags::WRITE)?.cast_const().cast::<AtomicU8>();
        // SAFETY: the pages are mapped for the borrow, readable and writable, and no Rust reference other
        // than to atomics covers them.
        Ok(unsafe { core::slice::from_raw_parts(start, self.bytes) })
    }

    /// [`Mapping::atomic_bytes`] of pages that stay mapped for as long as the process lives.
    pub fn leak_atomic_bytes(self) -> Result<&'static [AtomicU8], Error> {
        self.at(0, self.bytes, MapFlags::READ | MapFlags::WRITE)?;
        let (start, bytes) = self.leak();
        // SAFETY: as for `atomic_bytes`, and nothing unmaps the pages any more.
        Ok(unsafe { core::slice::from_raw_parts(start.as_ptr().cast_const().cast(), bytes) })
    }

    /// The aligned 32-bit word at `offset`, in a writable mapping.
    pub fn atomic_u32(&self, offset: usize) -> Result<&AtomicU32, Error> {
        let word = self.at(offset, 4, MapFlags::READ | MapFlags::WRITE)?.cast::<u32>();
        if !word.is_aligned() {
            return Err(Error::BadArgument);
        }
        // SAFETY: the word is aligned and mapped for the borrow; all access by Rust code is atomic or by
        // instructions outside of its memory model.
        Ok(unsafe { AtomicU32::from_ptr(word) })
    }

    /// The aligned 64-bit word at `offset`, in a writable mapping.
    pub fn atomic_u64(&self, offset: usize) -> Result<&AtomicU64, Error> {
        let word = self.at(offset, 8, MapFlags::READ | MapFlags::WRITE)?.cast::<u64>();
        if !word.is_aligned() {
            return Err(Error::BadArgument);
        }
        // SAFETY: as for `atomic_u32`.
        Ok(unsafe { AtomicU64::from_ptr(word) })
    }

    /// Fills bytes with one value.
    pub fn fill(&self, offset: usize, bytes: usize, value: u8) -> Result<(), Error> {
        let target = self.at(offset, bytes, MapFlags::WRITE)?;
        // SAFETY: `at` checked that the target is mapped and writable, and no Rust reference covers it.
        unsafe { fill_bytes(target, value, bytes) };
        Ok(())
    }

    /// The pointer to `bytes` bytes at `offset`, if all of them lie in the mapping and `access` is allowed.
    fn at(&self, offset: usize, bytes: usize, access: MapFlags) -> Result<*mut u8, Error> {
        if !self.flags.contains(access) {
            return Err(Error::AccessDenied);
        }
        if offset.checked_add(bytes).is_none_or(|end| end > self.bytes) {
            return Err(Error::OutOfRange);
        }
        Ok(self.start.as_ptr().wrapping_add(offset))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let own = u64::from(Handle::NONE.0);
        // SAFETY: the value owned the pages and lent them only for shorter borrows. A refusal leaves them
        // mapped, which harms nobody.
        let _ = unsafe { call3(Syscall::ProcessUnmap, own, self.address(), self.bytes as u64) };
    }
}

/// Copies `bytes` bytes in a way that the compiler does not see: the memory may change meanwhile.
///
/// # Safety
/// The source must be readable, the target writable, and they must not overlap.
unsafe fn copy_bytes(source: *const u8, target: *mut u8, bytes: usize) {
    // SAFETY: the caller vouches for both ranges; the direction flag is clear by the ABI. Words first:
    // one repetition moves eight bytes.
    unsafe {
        asm!(
            "rep movsq",
            "mov ecx, {tail:e}",
            "rep movsb",
            tail = in(reg) bytes & 7,
            inout("rcx") bytes >> 3 => _,
            inout("rsi") source => _,
            inout("rdi") target => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Fills `bytes` bytes in a way that the compiler does not see.
///
/// # Safety
/// The target must be writable.
unsafe fn fill_bytes(target: *mut u8, value: u8, bytes: usize) {
    let pattern = u64::from_ne_bytes([value; 8]);
    // SAFETY: the caller vouches for the range; the direction flag is clear by the ABI.
    unsafe {
        asm!(
            "rep stosq",
            "mov ecx, {tail:e}",
            "rep stosb",
            tail = in(reg) bytes & 7,
            inout("rcx") bytes >> 3 => _,
            inout("rdi") target => _,
            in("rax") pattern,
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_fills_move_every_byte_of_any_length() {
        for length in 0..40 {
            let source: std::vec::Vec<u8> = (1..=length as u8).collect();
            let mut target = [0u8; 48];

            // SAFETY: both buffers are longer than `length`.
            unsafe { copy_bytes(source.as_ptr(), target.as_mut_ptr(), length) };
            assert_eq!(target[..length], source[..]);
            assert!(target[length..].iter().all(|byte| *byte == 0));

            // SAFETY: the buffer is longer than `length`.
            unsafe { fill_bytes(target.as_mut_ptr(), 0xa5, length) };
            assert!(target[..length].iter().all(|byte| *byte == 0xa5));
            assert!(target[length..].iter().all(|byte| *byte == 0));
        }
    }
}
