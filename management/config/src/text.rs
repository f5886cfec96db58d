//! Names and texts that are fit to be shown, packed and typed.

use crate::{ConfigError, Place, Problem, table::Located};
use alloc::string::String;

/// Bytes in a VM's or program's name at the most.
pub const NAME_BYTES_MAX: usize = 32;
/// Bytes in the name of a file at the most.
pub const FILE_NAME_BYTES_MAX: usize = 240;

const NAME_RULE: &str = "1 to 32 letters, digits, '-', '_' or '.', not beginning with '-'";
const FILE_RULE: &str = "a path of 1 to 240 bytes without control characters";

/// A path as the definition file says it, and where it says so.
#[derive(Clone, Debug)]
pub struct FileName {
    name: String,
    place: Place,
}

impl FileName {
    /// The path as written, relative to the definition file. The bundle holds the file under it.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Where it is named.
    pub fn place(&self) -> Place {
        self.place
    }

    pub(crate) fn read(key: &'static str, found: Located<&str>) -> Result<Self, ConfigError> {
        let name = checked_text(key, found, FILE_NAME_BYTES_MAX, FILE_RULE)?;
        if name.is_empty() {
            return Err(ConfigError::at(found.place, Problem::BadText { key, rule: FILE_RULE }));
        }
        Ok(Self { name, place: found.place })
    }
}

impl PartialEq for FileName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for FileName {}

/// A name that can stand in a command, a log line and a table.
pub(crate) fn checked_name(key: &'static str, found: Located<&str>) -> Result<String, ConfigError> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_good = (1..=NAME_BYTES_MAX).contains(&found.value.len())
        && found.value.bytes().all(is_letter)
        && !found.value.starts_with('-');
    if !is_good {
        return Err(ConfigError::at(found.place, Problem::BadText { key, rule: NAME_RULE }));
    }
    Ok(found.value.into())
}

/// A text without control characters, `most` bytes long at the most.
pub(crate) fn checked_text(
    key: &'static str,
    found: Located<&str>,
    most: usize,
    rule: &'static str,
) -> Result<String, ConfigError> {
    if found.value.len() > most || found.value.chars().any(char::is_control) {
        return Err(ConfigError::at(found.place, Problem::BadText { key, rule }));
    }
    Ok(found.value.into())
}
