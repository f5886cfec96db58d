//! Why a machine did not do what was expected of it.

use std::fmt;
use std::time::Duration;

/// What went wrong with an emulated machine.
#[derive(Debug)]
pub enum Failure {
    /// The emulator could not be started, or a file of the test could not be used.
    Host(String),
    /// A text did not appear in time.
    TimedOut {
        /// What was waited for.
        expected: String,
        /// How long.
        limit: Duration,
        /// The last lines that the machine printed.
        tail: String,
    },
    /// The machine went off before it printed a text.
    WentOff {
        /// What was waited for.
        expected: String,
        /// How the emulator ended.
        end: String,
        /// The last lines that the machine printed.
        tail: String,
    },
    /// The machine printed a text that ends all hope.
    Fatal {
        /// The line.
        line: String,
        /// The last lines that the machine printed.
        tail: String,
    },
    /// The machine is still on although it should have turned itself off.
    StillOn {
        /// How long was waited.
        limit: Duration,
        /// The last lines that the machine printed.
        tail: String,
    },
    /// The machine printed what it should not have, or the emulator ended with an error.
    Wrong(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Host(reason) | Failure::Wrong(reason) => f.write_str(reason),
            Failure::TimedOut { expected, limit, tail } => {
                write!(f, "\"{expected}\" did not appear within {} s; last lines:\n{tail}", limit.as_secs())
            }
            Failure::WentOff { expected, end, tail } => {
                write!(f, "the machine went off before \"{expected}\" appeared ({end}); last lines:\n{tail}")
            }
            Failure::Fatal { line, tail } => write!(f, "the machine printed \"{line}\"; last lines:\n{tail}"),
            Failure::StillOn { limit, tail } => {
                write!(f, "the machine is still on after {} s; last lines:\n{tail}", limit.as_secs())
            }
        }
    }
}

impl std::error::Error for Failure {}
