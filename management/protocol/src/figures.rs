//! Figures of the machine.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// The names of the counters in [`Statistics::exits`], in the order of the kernel's counters.
pub const EXIT_NAMES: [&str; 14] = [
    "interrupt",
    "cpuid",
    "msr",
    "halt",
    "port",
    "mmio",
    "apic",
    "memory",
    "doorbell",
    "hypercall",
    "window",
    "fault",
    "pause",
    "other",
];

/// The machine's counters since the kernel started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Time since the kernel started, nanoseconds.
    pub now_ns: u64,
    /// Processors.
    pub cpus: u32,
    /// Idle time of all processors, nanoseconds.
    pub idle_ns: u64,
    /// Times a processor left idle.
    pub wake_ups: u64,
    /// Timer interrupts.
    pub timer_interrupts: u64,
    /// Wake-up interrupts between processors.
    pub cross_interrupts: u64,
    /// Device interrupts.
    pub device_interrupts: u64,
    /// Thread switches.
    pub switches: u64,
    /// Guest exits, by [`EXIT_NAMES`].
    pub exits: Vec<u64>,
    /// Time from the kernel's entry to the first guest instruction, nanoseconds; 0 = none yet.
    pub first_guest_ns: u64,
    /// RAM, bytes.
    pub memory_bytes: u64,
    /// Free RAM, bytes.
    pub free_bytes: u64,
}

/// The machine's processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpus {
    /// How many.
    pub cpus: u32,
    /// Time-stamp counter ticks per second.
    pub tsc_hz: u64,
    /// "AMD-V", "VT-x" or "none".
    pub virtualization: String,
    /// Time since the kernel started, nanoseconds.
    pub now_ns: u64,
    /// Idle time of all processors, nanoseconds.
    pub idle_ns: u64,
    /// Times a processor left idle.
    pub wake_ups: u64,
}

/// Who uses how much memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// RAM, bytes.
    pub total_bytes: u64,
    /// Free, bytes.
    pub free_bytes: u64,
    /// Used by ring 0, bytes.
    pub kernel_bytes: u64,
    /// The boot bundle, bytes.
    pub bundle_bytes: u64,
    /// Pages of memory objects, bytes.
    pub object_bytes: u64,
    /// Programs, then all VMs together.
    pub users: Vec<MemoryUser>,
}

/// One user of memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUser {
    /// Name.
    pub name: String,
    /// Pages, bytes.
    pub used_bytes: u64,
    /// Kernel objects and page tables, bytes.
    pub kernel_bytes: u64,
    /// Limit, bytes; 0 = none.
    pub limit_bytes: u64,
}
