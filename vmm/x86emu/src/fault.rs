//! Why an instruction was not carried out.

use crate::paging::PageFault;

/// Vector of the invalid opcode exception.
const INVALID_OPCODE: u8 = 6;
/// Vector of the exception that says that somebody else's FPU state is loaded.
const DEVICE_NOT_AVAILABLE: u8 = 7;
/// Vector of the invalid task state exception.
pub(crate) const INVALID_TASK: u8 = 10;
/// Vector of the exception that says that a segment is not present.
pub(crate) const NOT_PRESENT: u8 = 11;
/// Vector of the general protection fault.
pub(crate) const GENERAL_PROTECTION: u8 = 13;
/// Vector of the stack fault.
pub(crate) const STACK: u8 = 12;
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
    /// An instruction that is not enabled.
    pub const INVALID_OPCODE: Self = Self::Exception { vector: INVALID_OPCODE, error_code: None, address: 0 };
    /// The FPU and vector registers are not there yet.
    pub const DEVICE_NOT_AVAILABLE: Self =
        Self::Exception { vector: DEVICE_NOT_AVAILABLE, error_code: None, address: 0 };
    /// A fault that names a selector.
    pub(crate) const fn of_selector(vector: u8, selector: u16) -> Self {
        Self::Exception { vector, error_code: Some(selector & !3), address: 0 }
    }

    /// A stack fault with error code zero.
    pub const STACK: Self = Self::Exception { vector: STACK, error_code: Some(0), address: 0 };
}

impl From<PageFault> for Fault {
    fn from(fault: PageFault) -> Self {
        Self::Exception { vector: PAGE, error_code: Some(fault.error_code), address: fault.address }
    }
}
