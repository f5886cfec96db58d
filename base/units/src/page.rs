//! Page sizes and counts of 4 KiB pages.

/// Bytes in the smallest page of x86-64.
pub const PAGE_BYTES: u64 = 4096;
/// log2 of [`PAGE_BYTES`].
pub const PAGE_SHIFT: u32 = 12;

/// The three page sizes of x86-64 (Intel SDM vol. 3, 4.5; AMD APM vol. 2, 5.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PageSize {
    /// 4 KiB.
    Small,
    /// 2 MiB.
    Large,
    /// 1 GiB.
    Huge,
}

impl PageSize {
    /// log2 of the number of 4 KiB pages in one page of this size.
    pub const fn order(self) -> u32 {
        match self {
            PageSize::Small => 0,
            PageSize::Large => 9,
            PageSize::Huge => 18,
        }
    }

    /// Bytes in one page of this size.
    pub const fn bytes(self) -> u64 {
        PAGE_BYTES << self.order()
    }

    /// 4 KiB pages in one page of this size.
    pub const fn pages(self) -> PageCount {
        PageCount::new(1 << self.order())
    }
}

/// A number of 4 KiB pages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct PageCount(u64);

impl PageCount {
    /// Counts `pages` pages of 4 KiB.
    pub const fn new(pages: u64) -> Self {
        Self(pages)
    }

    /// The pages that hold `bytes` bytes, rounded up.
    pub const fn holding(bytes: u64) -> Self {
        Self(bytes.div_ceil(PAGE_BYTES))
    }

    /// The count as a number.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Bytes in so many pages, or `None` if that does not fit 64 bits.
    pub const fn checked_bytes(self) -> Option<u64> {
        self.0.checked_mul(PAGE_BYTES)
    }

    /// The sum, or `None` if that does not fit 64 bits.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// What is left after taking `other` away, or `None` if there is not enough.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }
}
