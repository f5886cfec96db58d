//! Runs emulated machines and judges what they print.
//!
//! A [`Machine`] describes a computer and how it boots; [`Machine::start`] runs it in QEMU with its
//! first serial line as a stream ([`Running::wait_for`], [`Running::send`]). Waits end by events
//! (a text appears, the machine turns itself off) and have limits only as a net. What a machine
//! printed stays in a log beside the other artefacts of its test.
#![forbid(unsafe_code)]

mod command_line;
mod failure;
mod machine;
mod qmp;
mod running;
mod serial;

pub use command_line::firmware_files;
pub use failure::Failure;
pub use machine::{Boot, Clock, Machine, PROCESSOR, PROCESSOR_WITHOUT_SVM};
pub use running::Running;
