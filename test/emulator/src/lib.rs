//! Runs emulated machines and judges what they print.
//!
//! A [`Machine`] describes a computer and how it boots; [`Machine::start`] runs it in an [`Emulator`] with its
//! first serial line as a stream ([`Running::wait_for`], [`Running::send`]), and [`Machine::run_on_terminal`]
//! with that line on the terminal. QEMU plays AMD machines, Bochs plays Intel's (and AMD's, as a second opinion).
//! Waits end by events (a text appears, the machine turns itself off) and have limits only as a net. What
//! a machine printed stays in a log beside the other artefacts of its test.
#![forbid(unsafe_code)]

mod bochs;
mod failure;
mod machine;
mod model;
mod process;
mod qemu;
mod qmp;
mod running;
mod serial;
mod terminal;

pub use failure::Failure;
pub use machine::{Boot, Clock, Emulator, Machine, PROCESSOR, PROCESSOR_WITHOUT_SVM};
pub use model::Model;
pub use qemu::firmware_files;
pub use running::Running;
