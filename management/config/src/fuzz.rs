//! Entry points for fuzzing: bytes of anybody's making, and nothing may panic.

use crate::{SystemManifest, VmFile};
use alloc::string::ToString;

/// Parses the bytes as a VM definition file and as the system manifest, and prints what is wrong.
pub fn parse_anything(bytes: &[u8]) {
    match VmFile::parse_bytes(bytes) {
        Ok(file) => assert!(file.files().len() <= bytes.len(), "more files than bytes"),
        Err(error) => assert!(!error.to_string().is_empty(), "an error without words"),
    }
    if let Err(error) = SystemManifest::parse_bytes(bytes) {
        assert!(!error.to_string().is_empty(), "an error without words");
    }
}
