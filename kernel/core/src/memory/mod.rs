//! Frames, memory objects, address spaces and page tables.
//!
//! - [`Frames`] hands out physical frames: kernel frames, which ring 0 maps, and object frames, which it does not.
//! - [`MemoryObject`] is what can be mapped: RAM made on first touch, device registers, the boot bundle. It knows
//!   every place where it is mapped.
//! - [`Space`] maps objects for a process ([`AddressSpace`]) or a guest ([`GuestSpace`]) and fills page tables
//!   as faults ask for it.
//! - [`Residency`] decides when a frame that was taken away can be reused: when no processor can still reach it.
//!
//! # Locks
//!
//! A space's mappings, then an object's pages, then a space's page table, then the frame allocator. Shoot-downs
//! wait under all of these, which is safe because whoever they wait for holds and wants none of them: a
//! processor that runs ring 3 or a guest, or ring 0 under a [`Pinned`].

mod access;
mod frames;
mod object;
mod residency;
mod space;
mod table;

pub use access::{Access, Caching, FaultError, Permissions};
pub use frames::{
    FrameCounts, Frames, FramesSetup, KERNEL_BLOCK_PAGES_MAX, KernelFrame, NODES_MAX, NodeRange,
    PhysicalRange,
};
pub use object::{
    DIRTY_STEP_PAGES, MAPPINGS_PER_OBJECT_MAX, MemoryObject, OBJECT_BYTES_MAX, Remains, STEP_PAGES, Step,
};
pub use residency::{Residency, Visitor};
pub use space::{
    AddressSpace, GUEST_END, GuestKind, GuestSpace, Kind, MAPPINGS_MAX, Nesting, Pinned, ProcessKind, Space,
    USER_END, USER_START,
};
pub use table::PAT_WRITE_COMBINING;
