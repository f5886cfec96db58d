//! Writes a saved machine.

use crate::{
    error::SaveError,
    format::{FORMAT, HEADER_BYTES, MAGIC, NAME_BYTES_MAX, SECTIONS_MAX, STATE_BYTES_MAX, checksum},
    saved_state::SavedState,
};
use alloc::{borrow::ToOwned, string::String, vec::Vec};

/// Collects the states of devices.
#[derive(Debug, Default)]
pub struct SnapshotWriter {
    sections: Vec<u8>,
    written: Vec<(String, u32)>,
}

impl SnapshotWriter {
    /// A writer without sections.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the state of instance `instance` of the device `name`.
    pub fn add(&mut self, name: &str, instance: u32, state: &SavedState) -> Result<(), SaveError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(SaveError::BadName);
        }
        if state.bytes().len() > STATE_BYTES_MAX {
            return Err(SaveError::TooLarge);
        }
        if self.written.len() >= SECTIONS_MAX {
            return Err(SaveError::TooManySections);
        }
        if self.written.iter().any(|(other, number)| other == name && *number == instance) {
            return Err(SaveError::Duplicate);
        }
        let name_bytes = u8::try_from(name.len()).map_err(|_| SaveError::BadName)?;
        let state_bytes = u32::try_from(state.bytes().len()).map_err(|_| SaveError::TooLarge)?;
        self.sections.push(name_bytes);
        self.sections.extend_from_slice(name.as_bytes());
        self.sections.extend_from_slice(&instance.to_le_bytes());
        self.sections.extend_from_slice(&state.version().to_le_bytes());
        self.sections.extend_from_slice(&state_bytes.to_le_bytes());
        self.sections.extend_from_slice(state.bytes());
        self.written.push((name.to_owned(), instance));
        Ok(())
    }

    /// The saved machine as bytes.
    pub fn finish(self) -> Vec<u8> {
        let count = u32::try_from(self.written.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(self.sections.len().saturating_add(HEADER_BYTES * 2));
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&self.sections);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }
}
