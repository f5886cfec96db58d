//! Why state could not be saved or restored.

use core::fmt;

/// Why a state was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SaveError {
    /// A device's name is empty or longer than [`crate::format::NAME_BYTES_MAX`]: our mistake.
    BadName,
    /// The state is larger than [`crate::format::STATE_BYTES_MAX`].
    TooLarge,
    /// More than [`crate::format::SECTIONS_MAX`] sections.
    TooManySections,
    /// The name and instance were written before.
    Duplicate,
}

/// Why a saved state was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestoreError {
    /// The bytes do not begin as a saved machine does.
    NotASnapshot,
    /// The container's format is one that this program does not read.
    UnknownFormat {
        /// The format found.
        found: u32,
    },
    /// The bytes end too early, or go on after the end.
    WrongLength,
    /// The checksum does not fit the bytes: they were damaged.
    Damaged,
    /// A section's header breaks a limit of the format.
    BadSection,
    /// Two sections have the same name and instance.
    Duplicate,
    /// A device of this machine has no saved state.
    Missing,
    /// There is saved state for a device that this machine does not have.
    UnknownSection,
    /// A device's state was saved by a newer program.
    Newer {
        /// Version found.
        found: u16,
        /// The newest version that this program reads.
        supported: u16,
    },
    /// A device's state has a version that is no longer read.
    TooOld {
        /// Version found.
        found: u16,
    },
    /// A device's state does not decode.
    Malformed,
    /// A device's state decodes but no device can be in it, or it belongs to a device with another
    /// configuration. The text names the rule.
    Impossible(&'static str),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::NotASnapshot => out.write_str("this is not a saved machine"),
            RestoreError::UnknownFormat { found } => {
                write!(out, "the saved machine has format {found}, which this version does not read")
            }
            RestoreError::WrongLength => out.write_str("the saved machine is cut short or too long"),
            RestoreError::Damaged => out.write_str("the saved machine is damaged: its checksum is wrong"),
            RestoreError::BadSection => out.write_str("the saved machine has a malformed section"),
            RestoreError::Duplicate => out.write_str("the saved machine has the same device twice"),
            RestoreError::Missing => out.write_str("a device of this machine has no saved state"),
            RestoreError::UnknownSection => {
                out.write_str("there is saved state for a device that this machine does not have")
            }
            RestoreError::Newer { found, supported } => write!(
                out,
                "the device's state has version {found}, newer than version {supported} that is understood here"
            ),
            RestoreError::TooOld { found } => {
                write!(out, "the device's state has version {found}, which is no longer read")
            }
            RestoreError::Malformed => out.write_str("the device's state does not decode"),
            RestoreError::Impossible(rule) => write!(out, "the device cannot be in that state: {rule}"),
        }
    }
}

impl core::error::Error for RestoreError {}
