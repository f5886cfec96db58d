//! Messages between the supervisor and the console.
//!
//! The supervisor starts the `console` program with one channel. Its first message is a
//! [`StartMessage`] with handles; after that the console sends [`Question`]s and the supervisor
//! sends [`Notice`]s: an answer to each question, and the ends of VMs' serial lines as the VMs
//! start. All messages are postcard. The receiver treats the sender as hostile: what does not
//! decode is dropped, never trusted.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod figures;
mod message;
mod start;
mod vm;

pub use figures::{Cpus, EXIT_NAMES, Memory, MemoryUser, Statistics};
pub use message::{Notice, Question, Refusal, Reply, Request};
pub use start::{KeyboardPorts, Screen, SerialLine, StartMessage, VmConsole};
pub use vm::{OUTCOME_BYTES_MAX, VM_LINES_MAX, VmLine, VmState};
