//! What the entropy device promises.

use super::{Entropy, Rng};
use alloc::vec::Vec;
use spec::virtio::FEATURE_PACKED;
use vmm_bus::Device;
use vmm_virtio::testing::Bench;

/// Counts up: enough to see that every byte is asked for once.
struct Counter(u8);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
    }
}

#[test]
fn every_byte_of_a_request_is_filled() {
    for features in [0, FEATURE_PACKED] {
        let mut bench = Bench::new(Rng::new(Counter(0)), features, 1);

        let (answers, written) = bench.request(0, &[], &[100, 33]);

        let all: Vec<u8> = answers.concat();
        assert_eq!(all, (0..133).collect::<Vec<u8>>());
        assert_eq!(written, 133);
    }
}

#[test]
fn a_huge_request_is_answered_in_part() {
    let mut bench = Bench::new(Rng::new(Counter(0)), 0, 1);

    let (_, written) = bench.request(0, &[], &[0x1_0000]);

    assert_eq!(written, 4096);
}

#[test]
fn a_request_without_room_gets_nothing() {
    let mut bench = Bench::new(Rng::new(Counter(0)), 0, 1);

    assert_eq!(bench.request(0, &[b"why"], &[]).1, 0);
}

#[test]
fn a_saved_device_is_restored() {
    let bench = Bench::new(Rng::new(Counter(0)), 0, 1);
    let mut twin = Bench::untouched(Rng::new(Counter(0)));

    assert_eq!(twin.pci.restore(bench.pci.save().as_saved()), Ok(()));
    assert_eq!(twin.pci.save(), bench.pci.save());
}
