//! The four address spaces of a hypervisor.

use crate::page::PAGE_BYTES;
use core::fmt;

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Names the byte at `raw`.
            pub const fn new(raw: u64) -> Self {
                Self(raw)
            }

            /// The address as a number.
            pub const fn raw(self) -> u64 {
                self.0
            }

            /// The address `bytes` further on, or `None` past the end of the address space.
            pub const fn checked_add(self, bytes: u64) -> Option<Self> {
                match self.0.checked_add(bytes) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// Bytes from `base` up to this address, or `None` if `base` is above it.
            pub const fn offset_from(self, base: Self) -> Option<u64> {
                self.0.checked_sub(base.0)
            }

            /// Rounds down to a multiple of `alignment`, which is a power of two.
            pub const fn align_down(self, alignment: u64) -> Self {
                Self(self.0 & !(alignment - 1))
            }

            /// Rounds up to a multiple of `alignment`, a power of two; `None` on overflow.
            pub const fn align_up(self, alignment: u64) -> Option<Self> {
                match self.0.checked_add(alignment - 1) {
                    Some(sum) => Some(Self(sum & !(alignment - 1))),
                    None => None,
                }
            }

            /// Whether the address is a multiple of `alignment`, a power of two.
            pub const fn is_aligned(self, alignment: u64) -> bool {
                self.0 & (alignment - 1) == 0
            }

            /// The first byte of the 4 KiB page that holds this address.
            pub const fn page_start(self) -> Self {
                self.align_down(PAGE_BYTES)
            }

            /// Bytes between the start of the 4 KiB page and this address.
            pub const fn page_offset(self) -> u64 {
                self.0 & (PAGE_BYTES - 1)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{:#x}", self.0)
            }
        }
    };
}

address! {
    /// A guest-physical address: what a guest believes to be physical.
    Gpa
}
address! {
    /// A guest-virtual (linear) address: what a guest's own page tables translate.
    Gva
}
address! {
    /// A host-physical address: real memory.
    Hpa
}
address! {
    /// A virtual address in a ring-3 process.
    Uva
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addition_past_the_end_is_refused() {
        assert_eq!(Gpa::new(u64::MAX).checked_add(1), None);
        assert_eq!(Gpa::new(1).align_up(4096), Some(Gpa::new(4096)));
        assert_eq!(Gpa::new(u64::MAX).align_up(4096), None);
    }

    #[test]
    fn page_parts_add_up_to_the_address() {
        let address = Hpa::new(0x1234_5678);

        assert_eq!(address.page_start().raw() + address.page_offset(), address.raw());
        assert!(address.page_start().is_aligned(PAGE_BYTES));
    }
}
