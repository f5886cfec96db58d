//! The state of a VM as its operator sees it.

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// Lines of the VM table in one message at the most, so that it stays below the kernel's limit.
pub const VM_LINES_MAX: usize = 48;

/// Bytes in the sentence about how a run ended at the most.
pub const OUTCOME_BYTES_MAX: usize = 160;

/// Where a VM is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VmState {
    /// It is not running and nothing will start it but its operator.
    Stopped,
    /// Its process is building the machine.
    Starting,
    /// It runs.
    Running,
    /// Its power button was pressed or its end was ordered.
    Stopping,
    /// It failed or ended and is started again soon.
    Waiting,
    /// It failed and stays so.
    Failed,
}

/// One line of the VM table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmLine {
    /// Name.
    pub name: String,
    /// State.
    pub state: VmState,
    /// vCPUs.
    pub vcpus: u32,
    /// RAM as defined, bytes.
    pub memory_bytes: u64,
    /// Memory in use: pages, bytes.
    pub used_bytes: u64,
    /// Memory in use: kernel objects, bytes.
    pub kernel_bytes: u64,
    /// CPU time since its start, nanoseconds.
    pub cpu_ns: u64,
    /// Time its threads waited for a processor since its start, nanoseconds.
    pub wait_ns: u64,
    /// Restarts by policy.
    pub restarts: u32,
    /// How its last run ended, at most [`OUTCOME_BYTES_MAX`]; empty if none has ended yet.
    pub outcome: String,
}
