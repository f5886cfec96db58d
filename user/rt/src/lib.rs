//! What ring-3 programs stand on: entry, system calls, heap, locks, threads.
//!
//! A program is a crate with `#![no_std]`, `#![no_main]` and `#![forbid(unsafe_code)]`:
//!
//! ```ignore
//! extern crate alloc;
//! user_rt::entry!(main);
//!
//! fn main(startup: user_rt::Startup) -> i64 {
//!     user_rt::log!("{} handles came", startup.handles.len());
//!     0
//! }
//! ```
//!
//! and is built for the target of `user/x86_64-corten.json`, which brings its linker script along:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 CARGO_TARGET_X86_64_CORTEN_LINKER=<rust-lld> cargo build --release \
//!     -Zjson-target-spec -Zbuild-std=core,alloc -Zbuild-std-features=compiler-builtins-mem \
//!     --target user/x86_64-corten.json -p <program>
//! ```
//!
//! The target makes programs that `spec::elf` takes, linked at a fixed address: read-only data, code, data and
//! .bss are a segment each, page-aligned in the file and in memory, none both writable and executable;
//! there is nothing to relocate, no dynamic section, no thread-local storage. So a loader (the kernel for the
//! supervisor, [`spawn_program`] for all others) maps read-only data and code straight from the file's
//! pages, which all processes share. The readable copy of the linker script is `user/rt/program.ld`.
//!
//! All unsafe code of ring 3 but that of guest memory is here. Kernel objects are types in [`object`]; what
//! they answer is `Result<_, Error>`.
#![cfg_attr(not(test), no_std)]
// For `entry!`: lets programs that forbid unsafe code name their entry function.
#![cfg_attr(target_os = "corten", allow(internal_features), feature(allow_internal_unsafe))]
#![allow(unexpected_cfgs, reason = "only the ring-3 target knows its own name")]
#![cfg_attr(not(target_os = "corten"), allow(dead_code, reason = "programs start on their own target only"))]

extern crate alloc;

mod address_space;
mod clock;
mod cpuid;
pub mod executor;
pub mod futex;
mod group;
mod handle;
mod heap;
mod load;
mod log;
mod mapping;
mod memory_functions;
mod mutex;
pub mod object;
mod once;
mod panic;
mod private;
mod random;
mod shared_ring;
mod spawn;
mod start;
mod syscall;
pub mod thread;
mod vcpu_exit;

#[cfg(test)]
mod layout_tests;

/// The types of the kernel's contract that programs use.
pub use abi::{
    ApicState, CPUID_ENTRIES_MAX, CpuidEntry, DoorbellKind, Error, Exit, ExitCounter, ExitKind, GPR_RAX,
    GPR_RBP, GPR_RBX, GPR_RCX, GPR_RDI, GPR_RDX, GPR_RSI, GPR_RSP, GUEST_TSC_RATE, GUEST_XSAVES, GroupInfo,
    GroupLimits, GuestMapFlags, Injection, MESSAGE_BYTES_MAX, MESSAGE_HANDLES_MAX, MapFlags, MemoryFlags,
    MemoryInfo, MsrValue, ObjectKind, Packet, PowerAction, ProcessInfo, ProcessState, RegisterState, Rights,
    RootHandle, SegmentState, Signals, SystemInfo, SystemStats, TaskSwitchCause, VcpuPage, VcpuStats,
    WEIGHT_DEFAULT, WritebackFlags,
};
pub use address_space::{IMAGE_BASE, STACK_BYTES_MAX};
pub use clock::{now, read_clock, read_ticks, system_info};
pub use cpuid::{CpuidResult, cpuid};
pub use executor::{Executor, Sleep, Watched};
pub use group::set_own as set_own_group;
pub use handle::OwnedHandle;
pub use load::FileRefusal;
pub use log::log_line;
pub use mapping::Mapping;
pub use mutex::{Condition, Mutex, MutexGuard, RawMutex};
pub use object::{
    Channel, Event, Group, Guest, Interrupt, InterruptTrigger, IoRange, Log, MapRange, Memory, Object,
    PhysicalCaching, Port, Process, Received, System, Thread, Timer, Vcpu, VcpuRunner, exit, exit_thread,
    set_affinity, yield_now,
};
pub use once::Once;
pub use panic::EXIT_CODE_PANIC;
pub use private::PrivateBytes;
pub use random::random_u64;
pub use shared_ring::SharedRing;
pub use spawn::{ProgramFile, SpawnError, SpawnOptions, Spawned, spawn_program};
pub use start::{EXIT_CODE_NO_START, RootObjects, Startup, next_object};
pub use vcpu_exit::decode_exit;
