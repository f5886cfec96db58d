//! Large memory as it is saved: page by page, without what is zero.

use alloc::vec::Vec;
use base_units::PAGE_BYTES;
use serde::{Deserialize, Serialize};
use vmm_snapshot::RestoreError;

/// Bytes of a page.
pub(crate) const PAGE: usize = PAGE_BYTES as usize;

/// Pages that are not all zero, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedPages(Vec<SavedPage>);

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct SavedPage {
    number: u32,
    content: SavedContent,
}

/// What a page holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum SavedContent {
    /// The same eight bytes again and again.
    Repeated([u8; 8]),
    /// All bytes.
    Bytes(Vec<u8>),
}

impl SavedPages {
    /// Saves so many bytes, which `read` copies out from an offset on. Behind the end of a last page that is not
    /// whole there are zeros.
    pub(crate) fn of(bytes: u64, mut read: impl FnMut(u64, &mut [u8])) -> Self {
        let mut pages = Vec::new();
        let mut page = [0; PAGE];
        let count = u32::try_from(bytes.div_ceil(PAGE_BYTES)).unwrap_or(u32::MAX);
        for number in 0..count {
            let offset = u64::from(number) * PAGE_BYTES;
            let within = bytes.saturating_sub(offset).min(PAGE_BYTES) as usize;
            let (content, rest) = page.split_at_mut(within);
            read(offset, content);
            rest.fill(0);
            if page.iter().any(|byte| *byte != 0) {
                pages.push(SavedPage { number, content: SavedContent::of(&page) });
            }
        }
        Self(pages)
    }

    /// Calls `write` with the offset and the content of each page, as far as it lies in so many bytes. The others are
    /// zero.
    pub(crate) fn restore(&self, bytes: u64, mut write: impl FnMut(u64, &[u8])) -> Result<(), RestoreError> {
        for saved in &self.0 {
            let offset = u64::from(saved.number) * PAGE_BYTES;
            let mut page = [0; PAGE];
            saved.content.unpack(&mut page)?;
            let within = bytes.saturating_sub(offset).min(PAGE_BYTES) as usize;
            let (content, rest) = page.split_at(within);
            if content.is_empty() || rest.iter().any(|byte| *byte != 0) {
                return Err(RestoreError::Impossible("a page lies behind the display's memory"));
            }
            write(offset, content);
        }
        Ok(())
    }
}

impl SavedContent {
    fn of(page: &[u8; PAGE]) -> Self {
        match page.as_chunks::<8>().0 {
            [first, others @ ..] if others.iter().all(|chunk| chunk == first) => Self::Repeated(*first),
            _ => Self::Bytes(page.to_vec()),
        }
    }

    fn unpack(&self, page: &mut [u8; PAGE]) -> Result<(), RestoreError> {
        match self {
            Self::Repeated(bytes) => page.as_chunks_mut::<8>().0.fill(*bytes),
            Self::Bytes(bytes) => {
                let bytes = <&[u8; PAGE]>::try_from(bytes.as_slice());
                let bad_size = RestoreError::Impossible("a page of the display's memory has another size");
                *page = *bytes.map_err(|_| bad_size)?;
            }
        }
        Ok(())
    }
}
