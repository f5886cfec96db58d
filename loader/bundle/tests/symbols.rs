//! What the table of symbols promises.
// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use loader_bundle::Refusal;
use loader_bundle::symbols::{Symbol, Symbols, write};
use proptest::prelude::*;

#[test]
fn an_address_inside_of_a_function_finds_it() {
    let bytes = write(&[(0x200, "second"), (0x100, "first"), (0x100, "alias")]);

    let symbols = Symbols::parse(&bytes).unwrap();

    assert_eq!(symbols.find(0x1ff), Some(Symbol { name: "first", inside: 0xff }));
    assert_eq!(symbols.find(0x200), Some(Symbol { name: "second", inside: 0 }));
    assert_eq!(symbols.find(0xff), None);
}

#[test]
fn a_cut_table_is_refused_and_a_padded_one_is_not() {
    let mut bytes = write(&[(1, "one")]);
    assert_eq!(Symbols::parse(&bytes[..bytes.len() - 1]).unwrap_err(), Refusal::BadSymbols);
    bytes.resize(4096, 0);
    assert!(Symbols::parse(&bytes).unwrap().find(1).is_some());
}

proptest! {
    #[test]
    fn no_bytes_make_a_lookup_panic(noise in proptest::collection::vec(any::<u8>(), 0..200), offset in any::<u32>()) {
        let mut bytes = write(&[(1, "one"), (50, "two"), (1000, "three")]);
        let from = 12.min(bytes.len());
        let length = noise.len().min(bytes.len() - from);
        bytes[from..from + length].copy_from_slice(&noise[..length]);
        if let Ok(symbols) = Symbols::parse(&bytes) {
            let _ = symbols.find(offset);
        }
    }
}
