//! The state of one device with its version.

use crate::error::RestoreError;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The state of one device as bytes, with the version that says how to read them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SavedState {
    version: u16,
    bytes: Vec<u8>,
}

impl SavedState {
    /// Encodes `state` as version `version` of the device's state.
    ///
    /// # Panics
    /// If the type cannot be encoded at all (a sequence of unknown length): a mistake of ours.
    pub fn encode<T: Serialize + ?Sized>(version: u16, state: &T) -> Self {
        let bytes = match postcard::to_allocvec(state) {
            Ok(bytes) => bytes,
            Err(error) => panic!("a device state has no encoding: {error}"),
        };
        Self { version, bytes }
    }

    /// The version of the state.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The encoded state.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The state as [`crate::Snapshot`] hands it out.
    pub fn as_saved(&self) -> Saved<'_> {
        Saved { version: self.version, bytes: &self.bytes }
    }
}

/// A saved state that was found and not yet decoded. Nothing in it has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Saved<'a> {
    /// The version of the device's state.
    pub version: u16,
    /// Its encoding.
    pub bytes: &'a [u8],
}

impl Saved<'_> {
    /// Decodes a state of exactly version `supported`: for devices that have had one version only.
    pub fn decode<T: DeserializeOwned>(&self, supported: u16) -> Result<T, RestoreError> {
        if self.version > supported {
            return Err(RestoreError::Newer { found: self.version, supported });
        }
        if self.version < supported {
            return Err(RestoreError::TooOld { found: self.version });
        }
        self.decode_any()
    }

    /// Decodes the bytes as a `T` whatever the version: for devices that look at `version` themselves.
    pub fn decode_any<T: DeserializeOwned>(&self) -> Result<T, RestoreError> {
        match postcard::take_from_bytes(self.bytes) {
            Ok((state, [])) => Ok(state),
            Ok(_) | Err(_) => Err(RestoreError::Malformed),
        }
    }
}
