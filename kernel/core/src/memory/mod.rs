//! Frames, memory objects, address spaces and page tables.

/// The frame allocator. (Owner: memory.)
pub struct Frames<M> {
    _machine: core::marker::PhantomData<fn() -> M>,
}
