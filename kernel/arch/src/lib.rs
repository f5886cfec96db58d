//! All of ring 0 that knows the processor: boot, paging, interrupts, AMD-V and VT-x.
//!
//! [`X86`] is the [`kernel_core::Machine`] of this crate. The way to it:
//!
//! - `boot`: the entry points of the three loaders, each of which ends in one [`abi::BootInfo`];
//! - `paging`: the kernel's own page tables, the windows through which it reaches other memory;
//! - `acpi`, `clock`, `interrupt`, `smp`: what the board has, and how it is brought up;
//! - `trap`, `extended`: in and out of ring 3;
//! - `virtualization`: the choice between `svm` and `vmx`, and what they share;
//! - `log`, `panic`, `power`: what the outside sees of it.
//!
//! `acpi`, `boot` (but for its first instructions) and parts of `clock` read foreign bytes or compute; they
//! are also compiled, and tested, on Linux.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod acpi;
pub mod boot;
pub mod clock;
#[cfg(not(target_os = "none"))]
pub mod fuzz;
pub mod physical;
pub mod svm;
pub mod vmx;

#[cfg(target_os = "none")]
pub mod cpu;
#[cfg(target_os = "none")]
mod extended;
#[cfg(target_os = "none")]
mod heap;
#[cfg(target_os = "none")]
pub mod interrupt;
#[cfg(target_os = "none")]
pub mod log;
#[cfg(target_os = "none")]
mod machine;
#[cfg(target_os = "none")]
pub mod paging;
#[cfg(target_os = "none")]
pub mod panic;
#[cfg(target_os = "none")]
mod power;
#[cfg(target_os = "none")]
mod smp;
#[cfg(target_os = "none")]
mod trap;
#[cfg(target_os = "none")]
mod virtualization;

#[cfg(target_os = "none")]
pub use extended::Extended;
#[cfg(target_os = "none")]
pub use machine::{X86, bring_up, run};
#[cfg(target_os = "none")]
pub use virtualization::Processor;
