//! The kernel's table of symbols, as a panic searches it.

use loader_bundle::symbols::Symbols;

/// Looks up the first four bytes as an offset, and some more, in the rest as a table.
pub fn run(data: &[u8]) {
    let Some((offset, table)) = data.split_first_chunk::<4>() else { return };
    let Ok(symbols) = Symbols::parse(table) else { return };
    let offset = u32::from_le_bytes(*offset);
    for offset in [offset, 0, 1, offset / 2, u32::MAX] {
        if let Some(symbol) = symbols.find(offset) {
            assert!(symbol.inside <= offset, "a symbol that starts behind the address");
            let names = table.as_ptr_range();
            let name = symbol.name.as_bytes().as_ptr_range();
            assert!(names.start <= name.start && name.end <= names.end, "a name from outside of the table");
        }
    }
}
