//! The contract between ring 0 and ring 3.
//!
//! A program asks the kernel for something with the `syscall` instruction: the number from
//! [`Syscall`] in RAX, up to six arguments in RDI, RSI, RDX, R10, R8, R9. The kernel answers in
//! RAX (zero or a positive value, or a negative [`Error`]) and RDX (a second value where the
//! call has one); RCX and R11 are lost, everything else is kept. Objects are named by handles
//! ([`Handle`]) that carry [`Rights`]; there are no global names and no ambient authority.
//!
//! Everything here is data: layouts, numbers and their meaning.
#![no_std]
#![forbid(unsafe_code)]

mod boot;
mod error;
mod handle;
mod info;
mod message;
mod signal;
mod syscall;
mod vcpu;

pub use boot::{
    BOOT_INFO_MAGIC, BootInfo, BootSource, Framebuffer, MEMORY_REGIONS_MAX, MemoryKind, MemoryRegion,
};
pub use error::Error;
pub use handle::{Handle, ObjectKind, Rights};
pub use info::{
    ExitCounter, GUEST_TSC_RATE, GUEST_XSAVES, GroupInfo, GroupLimits, MemoryInfo, ProcessInfo, ProcessState,
    SystemInfo, SystemStats, VcpuStats, WEIGHT_DEFAULT,
};
pub use message::{MESSAGE_BYTES_MAX, MESSAGE_HANDLES_MAX, RootHandle};
pub use signal::{Packet, Signals};
pub use syscall::{GuestMapFlags, MapFlags, MemoryFlags, MemoryOperation, PowerAction, Syscall};
pub use vcpu::{
    ApicState, CPUID_ENTRIES_MAX, CpuidEntry, DoorbellKind, Exit, ExitKind, GPR_RAX, GPR_RBP, GPR_RBX,
    GPR_RCX, GPR_RDI, GPR_RDX, GPR_RSI, GPR_RSP, Injection, MsrValue, RegisterState, SegmentState, StateKind,
    TaskSwitchCause, VcpuPage, WritebackFlags,
};
