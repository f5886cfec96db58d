//! Why a bundle or a file in it is not accepted.

use core::fmt;

/// What is wrong with a bundle. The words of [`fmt::Display`] end up on the machine's screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Fewer bytes than a header has.
    TooShort,
    /// The first bytes are not those of a bundle.
    NotABundle,
    /// Another version of the format.
    UnknownVersion(u32),
    /// No entry, or more than [`crate::ENTRIES_MAX`].
    BadCount(u32),
    /// The bytes given end inside of the table.
    TableCut,
    /// Header or table do not match their checksum.
    TableDamaged,
    /// The bundle is longer than what was loaded of it.
    Cut {
        /// Bytes that the header promises.
        promised: u64,
        /// Bytes that are there.
        present: u64,
    },
    /// A field that must be zero is not.
    ReservedNotZero,
    /// The name in this line of the table is empty, no UTF-8, or has bytes after its end.
    BadName(u32),
    /// The name in this line of the table does not come after the one before it.
    NotSorted(u32),
    /// The file of this line of the table does not start on a page, or lies outside of the bundle or in another file.
    BadPlace(u32),
    /// There is no file of that name.
    NotFound,
    /// A file does not match its checksum.
    FileDamaged,
    /// A table of symbols that is cut, unsorted or points outside of itself.
    BadSymbols,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::TooShort => f.write_str("the bundle is shorter than its header"),
            Refusal::NotABundle => f.write_str("the file is not a Corten bundle"),
            Refusal::UnknownVersion(version) => {
                write!(f, "the bundle has format version {version}, not {}", crate::VERSION)
            }
            Refusal::BadCount(count) => {
                write!(f, "the bundle claims {count} files, not 1 to {}", crate::ENTRIES_MAX)
            }
            Refusal::TableCut => f.write_str("the bundle ends inside of its table"),
            Refusal::TableDamaged => f.write_str("the bundle's table is damaged (its checksum is wrong)"),
            Refusal::Cut { promised, present } => {
                write!(f, "the bundle is cut short: {present} of {promised} bytes are there")
            }
            Refusal::ReservedNotZero => {
                f.write_str("the bundle uses a field that this version does not know")
            }
            Refusal::BadName(line) => write!(f, "file {line} of the bundle has no proper name"),
            Refusal::NotSorted(line) => write!(f, "file {line} of the bundle is out of order or there twice"),
            Refusal::BadPlace(line) => write!(f, "file {line} of the bundle lies where no file can lie"),
            Refusal::NotFound => f.write_str("the bundle has no file of that name"),
            Refusal::FileDamaged => f.write_str("a file of the bundle is damaged (its checksum is wrong)"),
            Refusal::BadSymbols => f.write_str("the table of symbols is damaged"),
        }
    }
}

impl core::error::Error for Refusal {}
