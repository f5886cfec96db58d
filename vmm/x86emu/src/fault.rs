//! Why an instruction was not carried out.

use crate::paging::PageFault;

/// Vector of the general protection fault.
const GENERAL_PROTECTION: u8 = 13;
/// Vector of the stack fault.
const STACK: u8 = 12;
/// Vector of the page fault.
const PAGE: u8 = 14;

/// Why an instruction was not carried out. Nothing of it has happened, or (string instructions) only whole
/// repetitions that the registers account for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The processor would have raised this exception.
    Exception {
        /// Vector.
        vector: u8,
        /// Error code, where the vector pushes one.
        error_code: Option<u16>,
        /// CR2 for page faults.
        address: u64,
    },
    /// No instruction that this crate emulates.
    Unsupported,
}

impl Fault {
    /// A general protection fault with error code zero.
    pub const GENERAL_PROTECTION: Self =
        Self::Exception { vector: GENERAL_PROTECTION, error_code: Some(0), address: 0 };
    /// A stack fault with error code zero.
    pub const STACK: Self = Self::Exception { vector: STACK, error_code: Some(0), address: 0 };
}

impl From<PageFault> for Fault {
    fn from(fault: PageFault) -> Self {
        Self::Exception { vector: PAGE, error_code: Some(fault.error_code), address: fault.address }
    }
}
