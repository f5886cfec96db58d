//! The heap: talc over memory that grows in small steps, and blocks of their own for large allocations.
//!
//! The first 64 KiB are part of `.bss`, so a program can allocate before it was told which group pays. Beyond
//! that the heap is one growing range made of memory objects of that group. Pages come on first touch,
//! so what is claimed but not used costs nothing. Large allocations are memory objects of their own, which
//! are given back when they are freed: a program that once handled a large file does not stay large.

#[cfg(target_os = "corten")]
mod allocator;
mod growth;
#[cfg(target_os = "corten")]
mod source;
