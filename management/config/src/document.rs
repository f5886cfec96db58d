//! A TOML text and the places in it.

use crate::{ConfigError, Place, Problem, TEXT_BYTES_MAX, table::Table};
use alloc::vec::Vec;
use toml::de::DeTable;

/// A text whose byte offsets can be named as lines and columns.
pub(crate) struct Document<'t> {
    text: &'t str,
    /// Offset of the first byte of each line.
    line_starts: Vec<usize>,
}

impl<'t> Document<'t> {
    /// Takes a text of bearable length.
    pub(crate) fn new(text: &'t str) -> Result<Self, ConfigError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(ConfigError::whole(Problem::TooLong));
        }
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Ok(Self { text, line_starts: core::iter::once(0).chain(after_breaks).collect() })
    }

    /// Parses the text and hands its root table to `read`.
    pub(crate) fn read_root<Value>(
        &self,
        name: &'static str,
        read: impl FnOnce(&Table<'_>) -> Result<Value, ConfigError>,
    ) -> Result<Value, ConfigError> {
        let root = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            ConfigError::at(self.place(at), Problem::Syntax(error.message().into()))
        })?;
        read(&Table::new(self, root.get_ref(), Place { line: 1, column: 1 }, name))
    }

    /// The line and column of the byte at `offset`.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.line_starts.get(line).copied().unwrap_or(0);
        // An offset past the end, or inside a character, still names its line.
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        let number = |index: usize| u32::try_from(index.saturating_add(1)).unwrap_or(u32::MAX);
        Place { line: number(line), column: number(column) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let document = Document::new("a = 1\nb = \"é\" x\n").expect("short");

        assert_eq!(document.place(0), Place { line: 1, column: 1 });
        assert_eq!(document.place(6), Place { line: 2, column: 1 });
        assert_eq!(document.place(14), Place { line: 2, column: 8 });
        assert_eq!(document.place(9999), Place { line: 3, column: 1 });
    }
}
