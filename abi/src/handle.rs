//! Handles, rights and kinds of objects.

use bitflags::bitflags;

/// Names one object in the process that holds it. Zero names nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct Handle(pub u32);

impl Handle {
    /// The handle that never names anything.
    pub const NONE: Self = Self(0);
}

bitflags! {
    /// What the holder of a handle may do with the object.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Rights: u32 {
        /// Receive, read content or state.
        const READ = 1 << 0;
        /// Send, write content, change state.
        const WRITE = 1 << 1;
        /// Map for execution.
        const EXECUTE = 1 << 2;
        /// Map into an address space or guest.
        const MAP = 1 << 3;
        /// Make another handle to it in the same process.
        const DUPLICATE = 1 << 4;
        /// Send it to another process.
        const TRANSFER = 1 << 5;
        /// Bind to a port, wait for it.
        const WAIT = 1 << 6;
        /// Signal it, kick it, raise it.
        const SIGNAL = 1 << 7;
        /// Make objects below it (processes, threads, groups, guests, vCPUs, I/O ranges).
        const CREATE = 1 << 8;
        /// Kill, stop, change limits.
        const CONTROL = 1 << 9;
    }
}

/// What kind of object a handle names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ObjectKind {
    /// An address space, a handle table and threads.
    Process = 1,
    /// A flow of control in ring 3.
    Thread = 2,
    /// Pages of memory that can be mapped.
    Memory = 3,
    /// A guest-physical address space.
    Guest = 4,
    /// A virtual processor.
    Vcpu = 5,
    /// One end of a message channel.
    Channel = 6,
    /// A queue of packets that threads wait on.
    Port = 7,
    /// A bell that is rung and waited for.
    Event = 8,
    /// Fires at a deadline.
    Timer = 9,
    /// A hardware interrupt line.
    Interrupt = 10,
    /// A range of x86 I/O ports.
    IoRange = 11,
    /// CPU and memory shares of a set of processes and guests.
    Group = 12,
    /// The kernel's log.
    Log = 13,
    /// The authority over the machine: hardware resources, power, statistics.
    System = 14,
}
