//! Why the kernel refused a call.

/// A refusal. Its number is what RAX holds, negated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Error {
    /// The handle names nothing in this process.
    BadHandle = 1,
    /// The handle names an object of another kind.
    WrongKind = 2,
    /// The handle lacks a right that the call needs.
    AccessDenied = 3,
    /// An argument is not one that the call takes: a size, alignment, flag or address.
    BadArgument = 4,
    /// Neither the machine nor the group has memory left for this.
    NoMemory = 5,
    /// A named limit of the kernel or of the group is reached.
    LimitReached = 6,
    /// There is nothing at the place that the call names.
    NotFound = 7,
    /// Nothing to do now; wait for the object's signal and try again.
    WouldBlock = 8,
    /// The other end of the channel is gone.
    PeerClosed = 9,
    /// What the call would make is there already.
    Exists = 10,
    /// The caller's buffer is smaller than what it asked for.
    BufferTooSmall = 11,
    /// An offset or length lies outside of the object.
    OutOfRange = 12,
    /// The object's state does not allow the call now.
    BadState = 13,
    /// The kernel or this processor cannot do that.
    Unsupported = 14,
    /// The deadline passed.
    TimedOut = 15,
    /// Memory that an argument points to is not mapped for that access.
    BadAddress = 16,
    /// The call number is none of ours.
    UnknownCall = 17,
}

impl Error {
    /// The error with this number, if there is one.
    pub const fn from_raw(raw: i32) -> Option<Self> {
        Some(match raw {
            1 => Error::BadHandle,
            2 => Error::WrongKind,
            3 => Error::AccessDenied,
            4 => Error::BadArgument,
            5 => Error::NoMemory,
            6 => Error::LimitReached,
            7 => Error::NotFound,
            8 => Error::WouldBlock,
            9 => Error::PeerClosed,
            10 => Error::Exists,
            11 => Error::BufferTooSmall,
            12 => Error::OutOfRange,
            13 => Error::BadState,
            14 => Error::Unsupported,
            15 => Error::TimedOut,
            16 => Error::BadAddress,
            17 => Error::UnknownCall,
            _ => return None,
        })
    }
}
