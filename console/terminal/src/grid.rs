//! The cells of a text screen.

use alloc::{collections::VecDeque, string::String, vec, vec::Vec};

/// Light grey on black, as VGA starts.
pub(crate) const ATTRIBUTE_DEFAULT: u8 = 0x07;

/// A character and its colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// ASCII.
    pub character: u8,
    /// VGA attribute: foreground in bits 3..0, background in bits 7..4.
    pub attribute: u8,
}

impl Cell {
    /// An empty cell.
    pub const BLANK: Self = Self { character: b' ', attribute: ATTRIBUTE_DEFAULT };
}

/// A place in a grid; both count from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Row.
    pub row: usize,
    /// Column; one past the last where the next character will wrap.
    pub column: usize,
}

/// Rows and columns of cells, and a cursor.
#[derive(Clone, Debug)]
pub struct Grid {
    columns: usize,
    rows: VecDeque<Vec<Cell>>,
    pub(crate) cursor: Position,
}

impl Grid {
    /// An empty grid; at least one cell.
    pub fn new(columns: usize, rows: usize) -> Self {
        let columns = columns.max(1);
        let rows = (0..rows.max(1)).map(|_| vec![Cell::BLANK; columns]).collect();
        Self { columns, rows, cursor: Position::default() }
    }

    /// Columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// Where the next character goes.
    pub fn cursor(&self) -> Position {
        self.cursor
    }

    /// The cells of a row; none past the last row.
    pub fn row(&self, row: usize) -> &[Cell] {
        self.rows.get(row).map_or(&[], Vec::as_slice)
    }

    /// The text of a row without the blanks at its end.
    pub fn row_text(&self, row: usize) -> String {
        let text: String = self.row(row).iter().map(|cell| char::from(cell.character)).collect();
        text.trim_end().into()
    }

    /// Puts a cell at the cursor and moves on, wrapping and scrolling as needed.
    pub(crate) fn put(&mut self, cell: Cell) {
        if self.cursor.column >= self.columns {
            self.cursor.column = 0;
            self.line_feed();
        }
        let at = self.cursor;
        if let Some(target) = self.rows.get_mut(at.row).and_then(|row| row.get_mut(at.column)) {
            *target = cell;
        }
        self.cursor.column = at.column.saturating_add(1);
    }

    /// Goes one row down; scrolls at the end.
    pub(crate) fn line_feed(&mut self) {
        if self.cursor.row.saturating_add(1) < self.rows.len() {
            self.cursor.row += 1;
            return;
        }
        if let Some(mut row) = self.rows.pop_front() {
            row.fill(Cell::BLANK);
            self.rows.push_back(row);
        }
    }

    /// Moves the cursor, held inside of the grid.
    pub(crate) fn move_to(&mut self, row: usize, column: usize) {
        self.cursor.row = row.min(self.rows.len().saturating_sub(1));
        self.cursor.column = column.min(self.columns.saturating_sub(1));
    }

    /// Blanks the cells of the cursor's row from `start` up to but not including `end`.
    pub(crate) fn clear_in_row(&mut self, start: usize, end: usize) {
        let row = self.rows.get_mut(self.cursor.row);
        if let Some(cells) = row.and_then(|row| row.get_mut(start.min(self.columns)..end.min(self.columns))) {
            cells.fill(Cell::BLANK);
        }
    }

    /// Blanks the rows from `start` up to but not including `end`.
    pub(crate) fn clear_rows(&mut self, start: usize, end: usize) {
        let count = end.saturating_sub(start);
        self.rows.iter_mut().skip(start).take(count).for_each(|row| row.fill(Cell::BLANK));
    }
}
