//! What VMs and the log write to the screen.

use crate::Input;
use console_terminal::Terminal;

/// Control sequences.
pub const WORDS: &[&[u8]] = &[
    b"\x1b[",
    b"\x1b[2J",
    b"\x1b[65535;65535H",
    b"\x1b[99999999999m",
    b"\x1b[38;2;1;2;3m",
    b"\x1b[38;5m",
    b"\x1b]0;title\x07",
    b"\x1b7\x1b8",
    b"\x1bc",
    b"\x1b[1J",
    b"\x1b[K",
    b"\r\n",
    b"\t\t\t",
    b"\x1b[?25l",
    b"\x1b[;;;;;;;;;;;;;;;;;;;;;m",
];

/// Writes the bytes behind the first two, which choose the size, to a terminal, in pieces.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (columns, rows) = (usize::from(input.u8() % 133), usize::from(input.u8() % 61));
    let mut whole = Terminal::new(columns, rows);
    let mut pieces = whole.clone();
    whole.write(input.rest());
    for piece in input.rest().chunks(3) {
        pieces.write(piece);
        check(&pieces, columns.max(1), rows.max(1));
    }
    let text = |terminal: &Terminal| -> Vec<_> {
        (0..rows.max(1)).map(|row| terminal.grid().row(row).to_vec()).collect()
    };
    assert_eq!(text(&whole), text(&pieces), "it matters how the bytes are cut");
    assert_eq!(whole.grid().cursor(), pieces.grid().cursor());
}

fn check(terminal: &Terminal, columns: usize, rows: usize) {
    let grid = terminal.grid();
    assert_eq!((grid.columns(), grid.row_count()), (columns, rows), "the screen changed its size");
    let cursor = grid.cursor();
    assert!(cursor.row < rows && cursor.column <= columns, "the cursor left the screen");
    // The row of the cursor is the one that can have changed.
    assert_eq!(grid.row(cursor.row).len(), columns);
    assert!(grid.row(cursor.row).iter().all(|cell| (b' '..=b'~').contains(&cell.character)));
}
