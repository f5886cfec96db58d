//! Tables of text.

use alloc::{string::String, vec::Vec};

/// A table with a heading. Columns are as wide as their widest cell; numbers stand to the right.
pub(crate) struct TextTable {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

/// Where a column's text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl TextTable {
    pub(crate) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines of the table, the heading first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let heading: Vec<String> = self.columns.iter().map(|(name, _)| String::from(*name)).collect();
        let all = || core::iter::once(&heading).chain(&self.rows);
        let width = |column: usize| {
            all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        all().map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, side)) in row.iter().zip(widths).zip(&self.columns) {
            let blanks = width.saturating_sub(cell.chars().count());
            if !line.is_empty() {
                line.push_str("  ");
            }
            if *side == Side::Right {
                line.extend(core::iter::repeat_n(' ', blanks));
            }
            line.push_str(cell);
            if *side == Side::Left {
                line.extend(core::iter::repeat_n(' ', blanks));
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = TextTable::new(&[("NAME", Side::Left), ("COUNT", Side::Right), ("WHY", Side::Left)]);
        table.row(alloc::vec!["a".into(), "1".into(), "x".into()]);
        table.row(alloc::vec!["longer".into(), "1000000".into(), String::new()]);

        assert_eq!(table.lines(), ["NAME      COUNT  WHY", "a             1  x", "longer  1000000"]);
    }
}
