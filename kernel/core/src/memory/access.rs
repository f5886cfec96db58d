//! What somebody wants from memory, what a mapping allows, and why the two do not meet.

use abi::Error;
use base_units::PAGE_BYTES;

/// What somebody wants from memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To fetch an instruction.
    Execute,
}

/// What a mapping allows beyond reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permissions {
    /// Writing.
    pub write: bool,
    /// Executing.
    pub execute: bool,
}

impl Permissions {
    /// Whether the mapping allows this access.
    #[inline]
    pub const fn allow(self, access: Access) -> bool {
        match access {
            Access::Read => true,
            Access::Write => self.write,
            Access::Execute => self.execute,
        }
    }
}

/// How the processor caches a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caching {
    /// RAM.
    WriteBack = 0,
    /// Device registers.
    Uncached = 1,
    /// Screens.
    WriteCombining = 2,
}

/// Why a fault cannot be resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultError {
    /// Nothing is mapped there.
    Unmapped,
    /// The mapping does not allow that access.
    Denied,
    /// Neither the machine nor the group has memory left.
    NoMemory,
}

impl From<FaultError> for Error {
    fn from(error: FaultError) -> Self {
        match error {
            FaultError::Unmapped | FaultError::Denied => Error::BadAddress,
            FaultError::NoMemory => Error::NoMemory,
        }
    }
}

impl From<Error> for FaultError {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied => FaultError::Denied,
            _ => FaultError::NoMemory,
        }
    }
}

/// Bytes of `len` from `at` on that lie in one page.
#[inline]
pub(super) fn in_page(at: u64, len: usize) -> usize {
    len.min((PAGE_BYTES - (at & (PAGE_BYTES - 1))) as usize)
}
