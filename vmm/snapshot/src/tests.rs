//! What the format promises.

use crate::{RestoreError, SaveError, SavedState, Snapshot, SnapshotWriter};
use alloc::{string::String, vec, vec::Vec};
use proptest::prelude::*;

fn sample() -> Vec<u8> {
    let mut writer = SnapshotWriter::new();
    assert_eq!(writer.add("uart", 0, &SavedState::encode(1, &(1u8, 2u16))), Ok(()));
    assert_eq!(writer.add("uart", 1, &SavedState::encode(1, &(3u8, 4u16))), Ok(()));
    writer.finish()
}

#[test]
fn each_instance_finds_its_own_state() {
    let bytes = sample();

    let snapshot = Snapshot::parse(&bytes);

    let second = snapshot.and_then(|snapshot| snapshot.find("uart", 1));
    assert_eq!(second.and_then(|saved| saved.decode::<(u8, u16)>(1)), Ok((3, 4)));
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let bytes = sample();

    for position in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[position / 8] ^= 1 << (position % 8);
        assert!(Snapshot::parse(&damaged).is_err(), "bit {position}");
    }
}

#[test]
fn a_shortened_snapshot_is_refused() {
    let bytes = sample();

    for length in 0..bytes.len() {
        assert!(Snapshot::parse(&bytes[..length]).is_err(), "length {length}");
    }
}

#[test]
fn a_newer_device_state_is_refused_by_name_of_its_version() {
    let saved = SavedState::encode(3, &1u8);

    assert_eq!(saved.as_saved().decode::<u8>(2), Err(RestoreError::Newer { found: 3, supported: 2 }));
    assert_eq!(saved.as_saved().decode::<u8>(4), Err(RestoreError::TooOld { found: 3 }));
}

#[test]
fn bytes_after_the_state_are_refused() {
    let saved = SavedState::encode(1, &(1u8, 2u8));

    assert_eq!(saved.as_saved().decode::<u8>(1), Err(RestoreError::Malformed));
}

#[test]
fn the_same_device_cannot_be_written_twice() {
    let mut writer = SnapshotWriter::new();
    let state = SavedState::encode(1, &0u8);

    assert_eq!(writer.add("rtc", 0, &state), Ok(()));
    assert_eq!(writer.add("rtc", 0, &state), Err(SaveError::Duplicate));
    assert_eq!(writer.add("", 0, &state), Err(SaveError::BadName));
}

#[test]
fn an_unknown_section_is_refused() {
    let bytes = sample();

    let snapshot = Snapshot::parse(&bytes);

    let answer = snapshot.and_then(|snapshot| snapshot.refuse_unknown(|_, instance| instance == 0));
    assert_eq!(answer, Err(RestoreError::UnknownSection));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(states in prop::collection::vec(("[a-z]{1,20}", any::<u32>(), any::<u16>(), any::<Vec<u8>>()), 0..20)) {
        let mut writer = SnapshotWriter::new();
        let mut kept: Vec<(String, u32, SavedState)> = vec![];
        for (name, instance, version, payload) in states {
            let state = SavedState::encode(version, &payload);
            if writer.add(&name, instance, &state).is_ok() {
                kept.push((name, instance, state));
            }
        }

        let bytes = writer.finish();
        let snapshot = Snapshot::parse(&bytes).map_err(|error| TestCaseError::fail(alloc::format!("{error}")))?;

        prop_assert_eq!(snapshot.sections().len(), kept.len());
        for (name, instance, state) in &kept {
            prop_assert_eq!(snapshot.find(name, *instance), Ok(state.as_saved()));
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), valid_sum: bool) {
        if valid_sum {
            bytes.splice(0..0, *b"CORTSNAP\x01\0\0\0");
            let sum = crate::format::checksum(&bytes);
            bytes.extend_from_slice(&sum.to_le_bytes());
        }
        let _ = Snapshot::parse(&bytes);
    }
}
