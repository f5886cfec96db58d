//! Ring 0 without the processor.
//!
//! Objects, scheduling, memory and vCPU policy in safe Rust, generic over [`Machine`], tested on
//! Linux. `kernel_arch` provides the machine; `kernel_image` joins the two.
//!
//! Ring 0 never blocks and never takes an interrupt: each processor runs one loop
//! ([`cpu::run`]) on one stack, entering a thread's ring 3 or its guest as a function call. A
//! system call that has to wait parks its thread and is tried again when the thread is woken.
//!
//! Lock order (outer first): process handles, object state (channel, port, timer), address
//! space mappings, memory object, page table, group, frame allocator, parked thread, run queue, log. No
//! lock is held while ring 3 or a guest runs.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(all(feature = "testing", not(test)))]
#[macro_use]
extern crate std;

pub mod boot;
pub mod cpu;
pub mod group;
pub mod handle;
pub mod interrupt;
pub mod io_range;
pub mod ipc;
pub mod kernel;
mod lock;
pub mod log;
pub mod machine;
pub mod memory;
pub mod object;
pub mod process;
pub mod sched;
mod syscall;
#[cfg(any(test, feature = "testing"))]
#[cfg_attr(not(test), allow(dead_code))]
pub mod testing;
pub mod thread;
pub mod vcpu;

pub use machine::{ExtendedState, HostInterrupt, Machine, UserExit, UserRegisters};
