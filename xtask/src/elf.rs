//! ELF files as the linker leaves them, and what the bundle wants of them.

use std::path::Path;

use loader_bundle::symbols;
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol, SymbolKind, elf};

use crate::{Failure, places};

/// The linker script of the kernel gives the first byte of its image this name, if it has one.
const IMAGE_START: &str = "__image_start";
/// Bytes of the ELF header that hold `e_shoff`, and those from `e_shnum` to its end (ELF-64, figure 3).
const SECTION_TABLE_OFFSET: std::ops::Range<usize> = 0x28..0x30;
const SECTION_COUNTS: std::ops::Range<usize> = 0x3c..0x40;

/// Cuts off what only debuggers read: sections, symbols, debugging information. What is loaded stays byte for byte.
pub(crate) fn strip(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = places::read(path)?;
    let file = parse(path, &bytes)?;
    let endian = Endianness::Little;
    let ends =
        file.elf_program_headers().iter().map(|header| header.p_offset(endian) + header.p_filesz(endian));
    let headers = file.elf_header();
    let table =
        headers.e_phoff(endian) + u64::from(headers.e_phnum(endian)) * u64::from(headers.e_phentsize(endian));
    let end = ends.fold(table, u64::max) as usize;
    bytes.truncate(end);
    for range in [SECTION_TABLE_OFFSET, SECTION_COUNTS] {
        if let Some(field) = bytes.get_mut(range) {
            field.fill(0);
        }
    }
    Ok(bytes)
}

/// What the file says of the first memory that is loaded: a ROM, if its last bytes start a processor.
pub(crate) fn flat(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = places::read(path)?;
    let file = parse(path, &bytes)?;
    let endian = Endianness::Little;
    let loaded = file.elf_program_headers().iter().find(|header| header.p_type(endian) == elf::PT_LOAD);
    let content = loaded.and_then(|header| header.data(endian, bytes.as_slice()).ok());
    let content = content.ok_or_else(|| Failure::new(format!("{} loads nothing", path.display())))?;
    Ok(content.to_vec())
}

/// The table of functions in an ELF file, for its backtraces.
pub(crate) fn symbol_table(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = places::read(path)?;
    let file = parse(path, &bytes)?;
    let start = image_start(&file);
    let functions = file.symbols().filter(|symbol| {
        symbol.kind() == SymbolKind::Text || (symbol.kind() == SymbolKind::Unknown && symbol.is_definition())
    });
    let named: Vec<(u32, String)> = functions
        .filter_map(|symbol| {
            let offset = u32::try_from(symbol.address().checked_sub(start)?).ok()?;
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?));
            (!name.is_empty()).then_some((offset, name))
        })
        .collect();
    let borrowed: Vec<_> = named.iter().map(|(offset, name)| (*offset, name.as_str())).collect();
    Ok(symbols::write(&borrowed))
}

/// The address of the image's first byte.
fn image_start(file: &ElfFile64<'_, Endianness>) -> u64 {
    if let Some(symbol) = file.symbols().find(|symbol| symbol.name() == Ok(IMAGE_START)) {
        return symbol.address();
    }
    let endian = Endianness::Little;
    let loaded = file.elf_program_headers().iter().filter(|header| header.p_type(endian) == elf::PT_LOAD);
    loaded.map(|header| header.p_vaddr(endian)).min().unwrap_or(0)
}

fn parse<'b>(path: &Path, bytes: &'b [u8]) -> Result<ElfFile64<'b, Endianness>, Failure> {
    ElfFile64::parse(bytes)
        .map_err(|error| Failure::new(format!("{} is no ELF file: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use loader_bundle::symbols::Symbols;

    fn this_program() -> std::path::PathBuf {
        std::env::current_exe().expect("a program has a file")
    }

    #[test]
    fn stripping_keeps_every_segment_byte_for_byte() {
        let path = this_program();
        let whole = std::fs::read(&path).expect("readable");

        let stripped = strip(&path).expect("an ELF file");

        let segments = |bytes: &[u8]| -> Vec<Vec<u8>> {
            let file = parse(&path, bytes).expect("still an ELF file");
            // The file's header, which is what changes, may lie in a segment.
            let headers =
                file.elf_program_headers().iter().filter(|header| header.p_offset(Endianness::Little) > 0);
            headers.map(|header| header.data(Endianness::Little, bytes).expect("whole").to_vec()).collect()
        };
        assert!(stripped.len() < whole.len());
        assert_eq!(segments(&stripped), segments(&whole));
    }

    #[test]
    fn the_table_of_symbols_names_the_functions_of_a_program() {
        let path = this_program();
        let table = symbol_table(&path).expect("an ELF file");
        let symbols = Symbols::parse(&table).expect("a table");

        let bytes = std::fs::read(&path).expect("readable");
        let file = parse(&path, &bytes).expect("an ELF file");
        let strip = file.symbols().find(|symbol| {
            symbol
                .name()
                .is_ok_and(|name| format!("{:#}", rustc_demangle::demangle(name)) == "xtask::elf::strip")
        });
        let offset = strip.expect("this function").address() - image_start(&file);

        let found = symbols.find(u32::try_from(offset).expect("near") + 1).expect("a function");
        assert_eq!((found.name, found.inside), ("xtask::elf::strip", 1));
    }

    #[test]
    fn a_file_that_is_no_elf_file_is_refused_with_its_name() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(strip(&path).is_err_and(|failure| failure.to_string().contains("Cargo.toml is no ELF file")));
    }
}
