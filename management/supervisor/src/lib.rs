//! Desired state to actions: the lives of VMs and programs, restarts, back-off, the machine's end.
//!
//! [`Supervisor`] is a value: events and the time go in, [`Effect`]s come out. It knows no
//! process and no channel; the service carries the effects out and reports what became of them.
//!
//! ```text
//!             Start / restart                Report::Started            Stop: power button
//!   Stopped ─────────────────▶ Starting ────────────────────▶ Running ─────────────────▶ Stopping
//!      ▲                          │                              │                          │
//!      │  the policy says no      │ the process ends             │ the process ends         │ it ends, or
//!      └──────────────────────────┴──────────┬───────────────────┴──────────────────────────┘ is killed
//!                                            ▼ the policy says yes
//!                                         Waiting ──(back-off)──▶ Starting
//! ```
//!
//! What is written to the log is part of the interface; see [`Effect::Log`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod backoff;
mod effect;
mod ending;
mod program;
mod sentence;
mod supervisor;
mod vm;
mod wall_clock;

pub use backoff::{DELAY_FIRST, DELAY_MAX, STABLE_AFTER};
pub use effect::{Effect, Effects, PowerChange, ProgramIndex, VmIndex};
pub use ending::ProcessEnd;
pub use supervisor::{Event, Supervisor};
pub use vm::{END_LIMIT, STOP_LIMIT};
pub use wall_clock::ClockReading;
