//! What mapped memory promises, over pages of the test's own heap.

use crate::{MappedRam, RamError, RamRegion};
use alloc::{vec, vec::Vec};
use base_units::Gpa;
use core::sync::atomic::AtomicU8;
use proptest::prelude::*;
use vmm_bus::{ByteVolume, GuestMemory, GuestRange, MemoryError, Volume, VolumeError};

const LOW: u64 = 0x1000;
const HIGH: u64 = 0x10_0000;
const BYTES: usize = 8192;

/// Heap memory that plays the mapped pages; never freed, as those are never unmapped.
fn regions() -> [RamRegion; 2] {
    let region = |start| {
        let bytes: Vec<AtomicU8> = (0..BYTES).map(|_| AtomicU8::new(0)).collect();
        RamRegion { start: Gpa::new(start), bytes: bytes.leak() }
    };
    [region(HIGH), region(LOW)]
}

fn ram() -> MappedRam {
    match MappedRam::new(&regions()) {
        Ok(ram) => ram,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_range_that_leaves_its_region_is_refused_as_a_whole() {
    let ram = ram();
    let last = Gpa::new(LOW + BYTES as u64 - 1);

    assert_eq!(ram.write(last, &[1, 2]), Err(MemoryError::OutOfRange));
    assert_eq!(ram.read_u8(last), Ok(0));
    assert_eq!(ram.write_u8(last, 7), Ok(()));
    assert_eq!(ram.read_u8(last), Ok(7));
    assert_eq!(ram.read_u16(last), Err(MemoryError::OutOfRange));
    assert_eq!(ram.read_u8(Gpa::new(0)), Err(MemoryError::OutOfRange));
    assert_eq!(ram.read_u64(Gpa::new(u64::MAX)), Err(MemoryError::OutOfRange));
    assert_eq!(
        ram.check(GuestRange { start: Gpa::new(HIGH), bytes: u64::MAX }),
        Err(MemoryError::OutOfRange)
    );
}

#[test]
fn regions_that_overlap_are_refused() {
    let [mut first, second] = regions();
    first.start = Gpa::new(LOW + 1);

    let overlapping = MappedRam::new(&[first, second]);

    assert!(matches!(overlapping, Err(RamError::BadRegion)));
}

#[test]
fn integers_are_little_endian() {
    let ram = ram();

    assert_eq!(ram.write_u64(Gpa::new(LOW + 1), 0x0102_0304_0506_0708), Ok(()));

    assert_eq!(ram.read_u8(Gpa::new(LOW + 1)), Ok(8));
    assert_eq!(ram.read_u32(Gpa::new(LOW + 5)), Ok(0x0102_0304));
    assert_eq!(ram.read_u16(Gpa::new(LOW + 1)), Ok(0x0708));
}

#[test]
fn a_volume_moves_data_between_its_pages_and_the_guest() {
    let ram = ram();
    let mut volume = ByteVolume::new(vec![0u8; 4096]);
    let buffer = GuestRange { start: Gpa::new(LOW), bytes: 512 };
    assert_eq!(ram.fill(buffer, 0x5A), Ok(()));

    assert_eq!(volume.write(512, &ram, buffer), Ok(()));
    assert_eq!(volume.read(511, &ram, GuestRange { start: Gpa::new(HIGH), bytes: 2 }), Ok(()));

    assert_eq!(ram.read_u16(Gpa::new(HIGH)), Ok(0x5A00));
    assert_eq!(volume.write(4095, &ram, buffer), Err(VolumeError::OutOfRange));
    let outside = GuestRange { start: Gpa::new(0), bytes: 16 };
    assert_eq!(volume.read(0, &ram, outside), Err(VolumeError::BadBuffer));
}

proptest! {
    #[test]
    fn copies_of_any_length_and_alignment_are_exact(at in 0usize..300, data in prop::collection::vec(any::<u8>(), 0..600)) {
        let ram = ram();
        let place = Gpa::new(LOW + at as u64);
        let mut back = vec![0; data.len()];

        prop_assert_eq!(ram.write(place, &data), Ok(()));
        prop_assert_eq!(ram.read(place, &mut back), Ok(()));

        prop_assert_eq!(&back, &data);
        let mut all = vec![0; BYTES];
        prop_assert_eq!(ram.read(Gpa::new(LOW), &mut all), Ok(()));
        prop_assert!(all[..at].iter().all(|byte| *byte == 0));
        prop_assert!(all[at + data.len()..].iter().all(|byte| *byte == 0));
    }
}
