//! The boot bundle: header, table and files.

use base_units::PAGE_BYTES;
use loader_bundle::{Bundle, BundleWriter, Checksum, HEADER_BYTES};

/// Where the header keeps the checksum of header and table.
const CHECKSUM: std::ops::Range<usize> = 24..32;

/// Reads the bytes behind the first one as a bundle. An odd first byte has the checksum put right before, or
/// hardly any change would come further than that.
pub fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if choice & 1 != 0 {
        seal(&mut bytes);
    }
    let Ok(bundle) = Bundle::parse(&bytes, bytes.len() as u64) else { return };
    check_table(&bundle, &bytes);
    write_again(&bundle, &bytes);
}

/// Puts the checksum of header and table right, as far as the header says where the table ends.
fn seal(bytes: &mut [u8]) {
    let Ok(end) = Bundle::table_end(bytes) else { return };
    let Some(covered) = bytes.get_mut(..end) else { return };
    covered[CHECKSUM].fill(0);
    let checksum = Checksum::of(covered);
    covered[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
}

/// Everything that having a [`Bundle`] proves.
fn check_table(bundle: &Bundle<'_>, bytes: &[u8]) {
    assert!(bundle.total_bytes() <= bytes.len() as u64, "a bundle longer than its bytes");
    assert_eq!(bundle.entries().count(), bundle.len());
    let mut name_before = String::new();
    let mut free_from = HEADER_BYTES as u64;
    for entry in bundle.entries() {
        assert!(entry.name > name_before.as_str(), "names out of order");
        assert!(entry.offset.is_multiple_of(PAGE_BYTES) && entry.offset >= free_from, "files overlap");
        assert!(entry.offset + entry.bytes <= bundle.total_bytes(), "a file outside of the bundle");
        assert_eq!(bundle.find(entry.name), Ok(entry), "a file that is not found by its name");
        if let Ok(content) = bundle.content(bytes, entry.name) {
            assert_eq!(content.len() as u64, entry.bytes);
            assert_eq!(entry.verify(content), Ok(()));
        }
        name_before = entry.name.into();
        free_from = entry.offset + entry.padded_bytes();
    }
}

/// What was read can be written, and the writer's bundle has the same files.
fn write_again(bundle: &Bundle<'_>, bytes: &[u8]) {
    let mut files = Vec::new();
    for entry in bundle.entries() {
        let Ok(content) = bundle.content(bytes, entry.name) else { return };
        files.push((entry.name, content));
    }
    let mut writer = BundleWriter::new();
    for (name, content) in &files {
        assert_eq!(writer.add(name, *content), Ok(()), "a name that the writer refuses");
    }
    let written = writer.finish();
    let Ok(again) = Bundle::parse(&written, written.len() as u64) else {
        panic!("the writer's bundle is refused")
    };
    for (name, content) in files {
        assert_eq!(again.content(&written, name), Ok(content));
    }
}
