//! Mapped pages that nobody else touches.

use core::{ptr::NonNull, slice};

/// Pages of this process alone, as a slice: the content of a disk, a file of the bundle.
#[derive(Debug)]
pub struct MappedBytes {
    /// Valid for `bytes` bytes, and nobody else's, as long as the value lives.
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the value owns its bytes, as a box owns its content.
unsafe impl Send for MappedBytes {}

impl MappedBytes {
    /// Takes over mapped pages.
    ///
    /// # Safety
    /// `base` is valid for reads and writes of `bytes` bytes (at most `isize::MAX`) as long as the
    /// value lives, and nothing else reads or writes them: no other reference, process or guest.
    pub unsafe fn new(base: NonNull<u8>, bytes: usize) -> Self {
        Self { base, bytes }
    }
}

impl AsRef<[u8]> for MappedBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `new`'s caller gave these bytes to this value alone; `&self` lends them.
        unsafe { slice::from_raw_parts(self.base.as_ptr(), self.bytes) }
    }
}

impl AsMut<[u8]> for MappedBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_ref`; `&mut self` lends them exclusively.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr(), self.bytes) }
    }
}
