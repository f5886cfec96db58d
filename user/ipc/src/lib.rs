//! How programs talk: typed messages, byte queues and shared-memory rings, as pure code.
//!
//! Nothing here makes a system call. `user_rt` moves the bytes; this crate says what they mean and how
//! much of it the receiver believes. The peer is treated as hostile: whatever it writes
//! ends in a value or an error, never in a panic.
//!
//! - [`message`]: values to bytes of a channel message and back.
//! - [`byte_queue`]: a bounded first-in-first-out queue of bytes, as consoles need it.
//! - [`ring`]: one-way rings in memory that two processes share, of bytes or of records.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod byte_queue;
pub mod message;
pub mod ring;

pub use byte_queue::ByteQueue;
pub use message::{DecodeError, EncodeError, decode, encode, encode_to_vec};
pub use ring::{Consumer, Producer, RingError, RingMemory};
