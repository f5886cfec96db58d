//! What the bundle's reader promises, and that no bytes make it misbehave.
// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use loader_bundle::{Bundle, BundleWriter, Checksum, Refusal, WriteRefusal};
use proptest::prelude::*;

fn sample() -> Vec<u8> {
    let mut writer = BundleWriter::new();
    writer.add("vms.toml", &b"[[vm]]"[..]).unwrap();
    writer.add("program/vmm", vec![7; 5000]).unwrap();
    writer.add("empty", Vec::new()).unwrap();
    writer.finish()
}

fn parse(bytes: &[u8]) -> Result<Bundle<'_>, Refusal> {
    Bundle::parse(bytes, bytes.len() as u64)
}

/// Writes the right checksum into a header that a test has changed.
fn reseal(bundle: &mut [u8]) {
    let end = Bundle::table_end(bundle).unwrap();
    bundle[24..32].fill(0);
    let checksum = Checksum::of(&bundle[..end]);
    bundle[24..32].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn a_file_comes_back_as_it_went_in() {
    let bytes = sample();

    let bundle = parse(&bytes).unwrap();

    assert_eq!(bundle.content(&bytes, "program/vmm").unwrap(), vec![7; 5000]);
    assert_eq!(bundle.content(&bytes, "vms.toml").unwrap(), b"[[vm]]");
    assert_eq!(bundle.content(&bytes, "empty").unwrap(), b"");
    assert_eq!(bundle.total_bytes(), bytes.len() as u64);
}

#[test]
fn the_table_can_be_read_without_the_files() {
    let bytes = sample();
    let end = Bundle::table_end(&bytes[..64]).unwrap();

    let bundle = Bundle::parse(&bytes[..end], bytes.len() as u64).unwrap();

    let names: Vec<_> = bundle.entries().map(|entry| entry.name).collect();
    assert_eq!(names, ["empty", "program/vmm", "vms.toml"]);
    assert!(bundle.entries().all(|entry| entry.offset % 4096 == 0));
}

#[test]
fn a_missing_file_is_not_found() {
    let bytes = sample();
    assert_eq!(parse(&bytes).unwrap().find("program/vm"), Err(Refusal::NotFound));
}

#[test]
fn a_changed_bit_in_header_or_table_is_refused() {
    let bytes = sample();
    let end = Bundle::table_end(&bytes).unwrap();
    for bit in 0..end * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(parse(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn a_changed_bit_in_a_file_is_refused_when_the_file_is_used() {
    let mut bytes = sample();
    let place = parse(&bytes).unwrap().find("program/vmm").unwrap().offset as usize;
    bytes[place + 1234] ^= 1;
    let bundle = parse(&bytes).unwrap();
    assert_eq!(bundle.content(&bytes, "program/vmm"), Err(Refusal::FileDamaged));
    assert!(bundle.content(&bytes, "vms.toml").is_ok());
}

#[test]
fn a_bundle_cut_short_is_refused() {
    let bytes = sample();
    let cut = &bytes[..bytes.len() - 1];
    let promised = bytes.len() as u64;
    assert_eq!(parse(cut).unwrap_err(), Refusal::Cut { promised, present: promised - 1 });
    assert_eq!(parse(&bytes[..100]).unwrap_err(), Refusal::TableCut);
    assert_eq!(parse(&bytes[..10]).unwrap_err(), Refusal::TooShort);
}

#[test]
fn names_out_of_order_are_refused_even_with_a_right_checksum() {
    let mut bytes = sample();
    bytes[64] = b'q'; // "empty" becomes "qmpty" and comes after "program/vmm"
    reseal(&mut bytes);
    assert_eq!(parse(&bytes).unwrap_err(), Refusal::NotSorted(1));
}

#[test]
fn a_file_in_the_middle_of_a_page_or_past_the_end_is_refused() {
    let offset_field = 64 + 256;
    for offset in [4097_u64, 0, u64::MAX - 4095, 1 << 40] {
        let mut bytes = sample();
        bytes[offset_field..offset_field + 8].copy_from_slice(&offset.to_le_bytes());
        reseal(&mut bytes);
        assert_eq!(parse(&bytes).unwrap_err(), Refusal::BadPlace(0), "offset {offset}");
    }
}

#[test]
fn a_name_that_is_no_utf8_is_refused() {
    let mut bytes = sample();
    bytes[64] = 0xff;
    reseal(&mut bytes);
    assert_eq!(parse(&bytes).unwrap_err(), Refusal::BadName(0));
}

#[test]
fn the_writer_refuses_bad_names_and_doubles() {
    let mut writer = BundleWriter::new();
    writer.add("a", Vec::new()).unwrap();
    assert_eq!(writer.add("a", Vec::new()), Err(WriteRefusal::Exists));
    assert_eq!(writer.add("", Vec::new()), Err(WriteRefusal::BadName));
    assert_eq!(writer.add(&"n".repeat(257), Vec::new()), Err(WriteRefusal::BadName));
    assert!(writer.add(&"n".repeat(256), Vec::new()).is_ok());
}

proptest! {
    #[test]
    fn any_files_survive_the_round_trip(files in proptest::collection::btree_map("[a-z/.é]{1,20}", proptest::collection::vec(any::<u8>(), 0..9000), 1..12)) {
        let mut writer = BundleWriter::new();
        for (name, content) in &files {
            writer.add(name, content.as_slice()).unwrap();
        }
        let bytes = writer.finish();
        let bundle = parse(&bytes).unwrap();
        prop_assert_eq!(bundle.len(), files.len());
        for (name, content) in &files {
            prop_assert_eq!(bundle.content(&bytes, name).unwrap(), content.as_slice());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(noise in proptest::collection::vec(any::<u8>(), 0..700), present in any::<u64>()) {
        let mut bytes = sample();
        bytes[16..16 + noise.len()].copy_from_slice(&noise);
        if Bundle::table_end(&bytes).is_ok_and(|end| end <= bytes.len()) {
            reseal(&mut bytes);
        }
        if let Ok(bundle) = Bundle::parse(&bytes, present) {
            for entry in bundle.entries() {
                let _ = bundle.content(&bytes, entry.name);
            }
        }
        let _ = Bundle::parse(&noise, present);
    }
}
