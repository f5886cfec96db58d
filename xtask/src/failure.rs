//! A sentence that says why a command cannot go on.

use std::fmt;
use std::path::Path;

/// Why a command cannot go on, in words for the person who typed it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure with these words.
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// A failure of which everything has been said already.
    pub(crate) fn told() -> Self {
        Self(String::new())
    }

    /// Whether there is nothing left to say.
    pub(crate) fn is_told(&self) -> bool {
        self.0.is_empty()
    }

    /// A file or folder that could not be used.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<test_emulator::Failure> for Failure {
    fn from(failure: test_emulator::Failure) -> Self {
        Self(failure.to_string())
    }
}
