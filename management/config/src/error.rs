//! What is wrong with a configuration file, and where.

use alloc::string::String;
use core::fmt;

/// A place in a text file. Lines and columns count from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, column {}", self.line, self.column)
    }
}

/// Why a configuration file is refused: its author's mistake, said so that it can be put right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// Where; `None` if it concerns the file as a whole.
    pub place: Option<Place>,
    /// What.
    pub problem: Problem,
}

impl ConfigError {
    /// A problem at a place.
    pub fn at(place: Place, problem: Problem) -> Self {
        Self { place: Some(place), problem }
    }

    /// A problem of the whole file.
    pub fn whole(problem: Problem) -> Self {
        Self { place: None, problem }
    }

    /// The file that a [`crate::FileName`] names is not there. Said by whoever looked for it.
    pub fn missing_file(name: &crate::FileName) -> Self {
        Self::at(name.place(), Problem::MissingFile { name: name.as_str().into() })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(out, "{place}: {}", self.problem),
            None => self.problem.fmt(out),
        }
    }
}

impl core::error::Error for ConfigError {}

/// The mistakes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// The file is longer than [`crate::TEXT_BYTES_MAX`].
    TooLong,
    /// The file is not UTF-8.
    NotUtf8,
    /// It is not TOML; the TOML parser's own words.
    Syntax(String),
    /// A key that nobody reads.
    UnknownKey {
        /// The key.
        key: String,
        /// The table it stands in.
        table: &'static str,
        /// A known key that looks like it.
        suggestion: Option<&'static str>,
        /// All keys that may stand there.
        known: &'static [&'static str],
    },
    /// A key that must be there is not.
    MissingKey {
        /// The key.
        key: &'static str,
        /// The table it belongs in.
        table: &'static str,
        /// A line that would do.
        example: &'static str,
    },
    /// A value is of another type than its key takes.
    WrongType {
        /// The key.
        key: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// A number outside of its range.
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The number, as written.
        value: String,
        /// Least.
        least: u64,
        /// Most.
        most: u64,
    },
    /// A word that is none of the choices.
    UnknownChoice {
        /// The key.
        key: &'static str,
        /// The word.
        value: String,
        /// The choices.
        choices: &'static [&'static str],
    },
    /// Not a size such as "256M".
    BadSize {
        /// The key.
        key: &'static str,
        /// The value, as written.
        value: String,
    },
    /// A size outside of its range.
    SizeOutOfRange {
        /// The key.
        key: &'static str,
        /// The value, as written.
        value: String,
        /// Least, as a person writes it.
        least: &'static str,
        /// Most, as a person writes it.
        most: &'static str,
    },
    /// A size that is not a multiple of 4 KiB.
    UnevenSize {
        /// The key.
        key: &'static str,
        /// The value, as written.
        value: String,
    },
    /// A text that is empty, too long or has characters that it may not have.
    BadText {
        /// The key.
        key: &'static str,
        /// What it may be.
        rule: &'static str,
    },
    /// A name or number that was given before.
    Duplicate {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// Where it stood first.
        first: Place,
    },
    /// A second VM wants the machine's serial line.
    SecondHostConsole {
        /// Where the first one took it.
        first: Place,
    },
    /// A list or table longer than its limit.
    TooMany {
        /// What.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// A key that does not go with the rest.
    Conflict {
        /// The key.
        key: &'static str,
        /// Why not, and what to write.
        reason: &'static str,
    },
    /// A reservation above the cap.
    ReservationAboveCap,
    /// A file that is named is not there.
    MissingFile {
        /// Its name, as written.
        name: String,
    },
    /// The manifest does not name exactly one program of a kind that is needed once.
    NotExactlyOne {
        /// The `start` value that must occur once.
        start: &'static str,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::TooLong => write!(out, "the file is longer than {} bytes", crate::TEXT_BYTES_MAX),
            Problem::NotUtf8 => out.write_str("the file is not UTF-8 text; save it as UTF-8"),
            Problem::Syntax(words) => write!(out, "not valid TOML: {words}"),
            Problem::UnknownKey { .. } | Problem::MissingKey { .. } => self.write_key_problem(out),
            Problem::WrongType { key, wanted, found } => write!(out, "{key} must be {wanted}, not {found}"),
            Problem::MissingFile { name } => {
                write!(out, "there is no file \"{name}\"; the path is relative to this file")
            }
            Problem::Duplicate { what, name, first } => {
                write!(out, "the {what} {name} was given before ({first}); each may be given once")
            }
            Problem::SecondHostConsole { first } => write!(
                out,
                "only one VM can have the machine's serial line and another has it ({first}); \
                 write console = \"buffer\" in one of them"
            ),
            Problem::TooMany { what, most } => write!(out, "too many {what}; the most is {most}"),
            Problem::ReservationAboveCap => {
                out.write_str("reservation is above cap; lower the reservation or raise the cap")
            }
            Problem::NotExactlyOne { start } => {
                write!(out, "exactly one [[program]] must have start = \"{start}\"")
            }
            _ => self.write_value_problem(out),
        }
    }
}

impl Problem {
    fn write_key_problem(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::UnknownKey { key, table, suggestion: Some(suggestion), .. } => {
                write!(out, "unknown key \"{key}\" in {table}; did you mean \"{suggestion}\"?")
            }
            Problem::UnknownKey { key, table, known, .. } => {
                write!(out, "unknown key \"{key}\" in {table}; the keys are ")?;
                write_list(out, known)
            }
            Problem::MissingKey { key, table, example } => {
                write!(out, "{table} has no \"{key}\"; add a line such as {example}")
            }
            _ => Ok(()),
        }
    }

    fn write_value_problem(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::OutOfRange { key, value, least, most } => {
                write!(out, "{key} = {value} is out of range; it can be {least} to {most}")
            }
            Problem::UnknownChoice { key, value, choices } => {
                write!(out, "{key} = \"{value}\" is not one of the choices ")?;
                write_list(out, choices)
            }
            Problem::BadSize { key, value } => {
                write!(
                    out,
                    "{key} = {value} is not a size; write a number and K, M, G or T, such as \"256M\""
                )
            }
            Problem::SizeOutOfRange { key, value, least, most } => {
                write!(out, "{key} = {value} is out of range; it can be \"{least}\" to \"{most}\"")
            }
            Problem::UnevenSize { key, value } => {
                write!(out, "{key} = {value} is not a multiple of 4 KiB; round it, for example to whole M")
            }
            Problem::Conflict { key, reason } => write!(out, "{key}: {reason}"),
            Problem::BadText { key, rule } => write!(out, "{key} must be {rule}"),
            _ => Ok(()),
        }
    }
}

fn write_list(out: &mut fmt::Formatter<'_>, items: &[&str]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(out, "{separator}\"{item}\"")?;
    }
    Ok(())
}
