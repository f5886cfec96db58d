//! Limits of messages, and what the first process is born with.

/// Bytes in one channel message at the most.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Handles in one channel message at the most.
pub const MESSAGE_HANDLES_MAX: usize = 64;

/// The handles of the root process, in the order in which they stand in its start-up message.
///
/// Every process starts with one argument: the handle of a channel whose first message says
/// what it is for. The kernel writes the root process' message itself: no bytes, these handles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum RootHandle {
    /// The machine ([`crate::ObjectKind::System`]).
    System = 0,
    /// The root scheduling group, parent of all others.
    Group = 1,
    /// The boot bundle as a read-only memory object; the bundle starts at offset 0.
    Bundle = 2,
    /// The root process itself.
    Process = 3,
    /// The kernel's log.
    Log = 4,
}

impl RootHandle {
    /// How many there are.
    pub const COUNT: usize = 5;
}
