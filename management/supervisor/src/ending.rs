//! How a process or a run came to its end.

use alloc::{format, string::String};

/// How a process ended, as the kernel or the service tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProcessEnd {
    /// It could not be started: a sentence.
    NotStarted(String),
    /// It ended by itself.
    Exited(i64),
    /// Somebody killed it.
    Killed,
    /// A processor fault ended it.
    Faulted {
        /// Exception vector.
        vector: u32,
        /// Where.
        rip: u64,
        /// Which address, for page faults.
        address: u64,
    },
}

impl ProcessEnd {
    /// Why this end is a failure; `None` for a clean one.
    pub(crate) fn failure(&self) -> Option<String> {
        match self {
            ProcessEnd::NotStarted(reason) => Some(crate::sentence::tamed(reason)),
            ProcessEnd::Exited(0) => None,
            ProcessEnd::Exited(code) => Some(format!("its process exited with code {code}")),
            ProcessEnd::Killed => Some("its process was killed".into()),
            ProcessEnd::Faulted { vector: 14, rip, address } => {
                Some(format!("its process took a page fault at {rip:#x} (address {address:#x})"))
            }
            ProcessEnd::Faulted { vector, rip, .. } => {
                Some(format!("its process took exception {vector} at {rip:#x}"))
            }
        }
    }
}
