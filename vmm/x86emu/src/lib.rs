//! Emulates the instructions by which guests reach emulated devices.
//!
//! When a guest touches memory that is no RAM, or a string instruction touches a port, the
//! processor says where but not what for. This crate reads the instruction, does what it does, and
//! leaves the registers as the processor would have:
//!
//! - [`emulate_move`] handles a plain MOV between a register and device memory in 64-bit and 32-bit mode: almost every
//!   access of almost every driver, in few instructions.
//! - [`emulate`] handles everything else that compilers and kernels use on device memory: [`decode`] says
//!   what the instruction is, [`execute`] does it.
//! - [`paging`] walks the guest's page tables.
//!
//! The registers that every exit brings are behind [`Processor`], the others behind [`FullProcessor`], memory, devices and ports behind [`Platform`]. The decoder is our own,
//! because the list of instructions is short and tables for all of them would cost every VM memory that
//! is never used; tests hold it against iced-x86.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod decode;
mod execute;
mod fault;
mod fetch;
pub mod paging;
mod platform;
mod processor;
mod quick;
mod system;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use decode::{Instruction, decode};
pub use execute::{Progress, TaskCause, TaskSwitch, emulate, switch_task};
pub use fault::Fault;
pub use fetch::{INSTRUCTION_BYTES_MAX, InstructionBytes, fetch};
pub use platform::Platform;
pub use processor::{Mode, Processor, SegmentRegister, Width};
pub use quick::emulate_move;
pub use system::{Beyond, FullProcessor, Segment, SystemSegment, Table, TableRegister};
