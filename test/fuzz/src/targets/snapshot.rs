//! The container of a saved machine.

use vmm_snapshot::{
    SavedState, Section, Snapshot, SnapshotWriter,
    format::{NAME_BYTES_MAX, SECTIONS_MAX, STATE_BYTES_MAX, TRAILER_BYTES, checksum},
};

/// Reads the bytes behind the first one as a saved machine. An odd first byte has the checksum put right before.
pub fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if choice & 1 != 0 {
        seal(&mut bytes);
    }
    let snapshot = match Snapshot::parse(&bytes) {
        Ok(snapshot) => snapshot,
        Err(error) => return assert!(!error.to_string().is_empty(), "a refusal without words"),
    };
    assert!(snapshot.sections().len() <= SECTIONS_MAX);
    for section in snapshot.sections() {
        check(section, &snapshot);
    }
    assert_eq!(write_again(&snapshot), bytes.len(), "there is more in it than its sections");
}

/// Puts the checksum right.
pub(crate) fn seal(bytes: &mut [u8]) {
    let Some(split) = bytes.len().checked_sub(TRAILER_BYTES) else { return };
    let (body, trailer) = bytes.split_at_mut(split);
    trailer.copy_from_slice(&checksum(body).to_le_bytes());
}

fn check(section: &Section<'_>, snapshot: &Snapshot<'_>) {
    assert!((1..=NAME_BYTES_MAX).contains(&section.name.len()));
    assert!(section.saved.bytes.len() <= STATE_BYTES_MAX);
    assert_eq!(snapshot.find(section.name, section.instance), Ok(section.saved), "hidden by another section");
}

/// Writes sections of the same sizes; returns the bytes that they take.
fn write_again(snapshot: &Snapshot<'_>) -> usize {
    let mut writer = SnapshotWriter::new();
    for section in snapshot.sections() {
        let state = SavedState::encode(section.saved.version, &Raw(section.saved.bytes));
        assert_eq!(state.bytes(), section.saved.bytes);
        assert_eq!(writer.add(section.name, section.instance, &state), Ok(()), "the writer refuses it");
    }
    writer.finish().len()
}

/// Bytes that are encoded as themselves.
struct Raw<'a>(&'a [u8]);

impl serde::Serialize for Raw<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}
