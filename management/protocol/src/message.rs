//! Questions, answers and notices.

use crate::{Cpus, Memory, Statistics, VmLine};
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// Console to supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Comes back in the answer.
    pub id: u32,
    /// What is asked.
    pub request: Request,
}

/// What the console can ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Lines of the VM table from this one on; [`crate::VM_LINES_MAX`] at the most.
    Vms {
        /// First line.
        from: u32,
    },
    /// Starts a VM.
    Start(String),
    /// Presses a VM's power button; kills it when it does not obey in time.
    Stop(String),
    /// Presses a VM's reset button.
    Reset(String),
    /// Ends a VM at once.
    Kill(String),
    /// Lets a VM's process panic: a test that this harms nobody else.
    Panic(String),
    /// Has a VM go on from its saved state: a test that nothing is missing in it.
    Renew(String),
    /// The machine's counters.
    Statistics,
    /// Processors.
    Cpus,
    /// Who uses how much memory.
    Memory,
    /// Stops all VMs, then turns the machine off. Asked again, it kills what is left.
    Shutdown,
    /// Stops all VMs, then resets the machine. Asked again, it kills what is left.
    Reboot,
    /// The answer to [`Notice::Farewell`]: everything is on the line. It gets no answer.
    Flushed,
    /// Has a VM's balloon take so much of its memory; 0 gives all back.
    Balloon {
        /// The VM's name.
        name: String,
        /// Bytes.
        bytes: u64,
    },
}

/// Supervisor to console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// The answer to a question.
    Answer {
        /// The question's id.
        id: u32,
        /// The answer.
        reply: Reply,
    },
    /// A VM has started. One handle comes along: the console's end of its serial line, raw bytes
    /// both ways. It closes when the VM ends; until then the console may be restarted without
    /// the VM noticing, because the supervisor keeps a second handle.
    Line {
        /// The VM's name.
        vm: String,
    },
    /// A VM with a display has started. One handle comes along: the console's end of its screen channel
    /// (`vmm_protocol::screen`). It closes when the VM ends.
    Screen {
        /// The VM's name.
        vm: String,
    },
    /// The machine goes down in a moment: print what there is, then send [`Request::Flushed`].
    Farewell,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is being done; the log says how it goes.
    Accepted,
    /// It is not done.
    Refused(Refusal),
    /// Part of the VM table.
    Vms {
        /// VMs there are.
        total: u32,
        /// The lines from the one asked for.
        lines: Vec<VmLine>,
    },
    /// Counters.
    Statistics(Statistics),
    /// Processors.
    Cpus(Cpus),
    /// Memory.
    Memory(Memory),
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// No VM has this name.
    UnknownVm,
    /// The VM runs or is being started.
    AlreadyRunning,
    /// The VM does not run.
    NotRunning,
    /// The VM is being stopped.
    AlreadyStopping,
    /// The machine is being turned off.
    MachineStopping,
    /// The kernel would not say.
    Unavailable,
}
