//! Queues and transport against a driver that breaks every rule.

use super::queues::{features, pair};
use crate::{Chain, Fault, fuzz};
use alloc::vec::Vec;
use base_units::Gpa;
use proptest::prelude::*;
use spec::virtio::{FEATURE_INDIRECT, FEATURE_PACKED};
use vmm_bus::GuestMemory;

const DESCRIPTORS: u64 = 0x1_0000;
const AVAILABLE: u64 = 0x1_1000;

/// Writes a descriptor of a split ring.
fn put(memory: &impl GuestMemory, index: u64, (address, bytes): (u64, u32), flags: u16, next: u16) {
    let raw =
        u128::from(address) | u128::from(bytes) << 64 | u128::from(flags) << 96 | u128::from(next) << 112;
    assert_eq!(memory.write(Gpa::new(DESCRIPTORS + index * 16), &raw.to_le_bytes()), Ok(()));
}

/// What a device says to one request that starts at descriptor 0 of a split ring of four.
fn verdict(descriptors: &[(u64, u32, u16, u16)], features: u64) -> Result<bool, Fault> {
    let mut pair = pair(4, features);
    for (index, (address, bytes, flags, next)) in (0..).zip(descriptors) {
        put(&pair.memory, index, (*address, *bytes), *flags, *next);
    }
    assert_eq!(pair.memory.write_u16(Gpa::new(AVAILABLE + 2), 1), Ok(()));
    pair.queue.pop(&pair.memory, &mut Chain::new())
}

#[test]
fn a_loop_of_descriptors_ends_as_a_chain_that_is_too_long() {
    assert_eq!(verdict(&[(0, 8, 1, 1), (0, 8, 1, 0)], 0), Err(Fault::ChainTooLong));
    assert_eq!(verdict(&[(0, 8, 1, 0)], 0), Err(Fault::ChainTooLong));
}

#[test]
fn a_next_descriptor_that_does_not_exist_is_refused() {
    assert_eq!(verdict(&[(0, 8, 1, 4)], 0), Err(Fault::BadIndex));
}

#[test]
fn a_buffer_outside_of_ram_is_refused() {
    assert_eq!(verdict(&[(0x3_0000, 1, 0, 0)], 0), Err(Fault::BadAddress));
    assert_eq!(verdict(&[(0, u32::MAX, 0, 0)], 0), Err(Fault::BadAddress));
    assert_eq!(verdict(&[(u64::MAX, 2, 0, 0)], 0), Err(Fault::BadAddress));
}

#[test]
fn a_buffer_to_read_behind_one_to_write_is_refused() {
    assert_eq!(verdict(&[(0, 8, 3, 1), (0, 8, 0, 0)], 0), Err(Fault::WrongOrder));
}

#[test]
fn indirect_tables_are_refused_unless_they_follow_the_rules() {
    let allowed = FEATURE_INDIRECT;
    assert_eq!(verdict(&[(0, 16, 4, 0)], 0), Err(Fault::BadIndirect), "not negotiated");
    assert_eq!(verdict(&[(0, 16, 5, 1)], allowed), Err(Fault::BadIndirect), "with a next one");
    assert_eq!(verdict(&[(0, 0, 4, 0)], allowed), Err(Fault::BadIndirect), "empty");
    assert_eq!(verdict(&[(0, 24, 4, 0)], allowed), Err(Fault::BadIndirect), "half an entry");
    assert_eq!(verdict(&[(0, 16 * 1025, 4, 0)], allowed), Err(Fault::BadIndirect), "too long");
    assert_eq!(verdict(&[(0x3_0000, 16, 4, 0)], allowed), Err(Fault::BadAddress), "outside of RAM");
    // The table is the ring's own memory: its entry is indirect again.
    assert_eq!(verdict(&[(DESCRIPTORS, 16, 4, 0)], allowed), Err(Fault::BadIndirect), "nested");
    assert_eq!(verdict(&[(0, 16, 4, 0)], allowed), Ok(true), "an entry of zeros is an empty buffer");
}

#[test]
fn an_index_that_jumps_further_than_the_queue_is_long_is_refused() {
    let mut pair = pair(4, 0);
    assert_eq!(pair.memory.write_u16(Gpa::new(AVAILABLE + 2), 5), Ok(()));

    assert_eq!(pair.queue.pop(&pair.memory, &mut Chain::new()), Err(Fault::BadIndex));
}

#[test]
fn more_requests_than_the_queue_holds_are_refused() {
    for features in [0, FEATURE_PACKED] {
        let mut pair = pair(4, features);
        let mut chain = Chain::new();
        let mut taken = 0;
        let fault = loop {
            // Always the same request, made available again and again.
            assert_eq!(pair.memory.write_u16(Gpa::new(AVAILABLE + 2), taken + 1), Ok(()));
            if features == FEATURE_PACKED {
                let wrap: u16 = if taken < 4 { 0x80 } else { 0x8000 };
                let flags = Gpa::new(DESCRIPTORS + u64::from(taken % 4) * 16 + 14);
                assert_eq!(pair.memory.write_u16(flags, wrap), Ok(()));
            }
            match pair.queue.pop(&pair.memory, &mut chain) {
                Ok(true) => taken += 1,
                other => break other,
            }
        };
        assert_eq!((taken, fault), (4, Err(Fault::TooManyInFlight)));
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Writes anything to the queue's areas.
    Scribble(u64, Vec<u8>),
    /// Sets an index or flag word to a small number.
    Poke(u64, u16),
    Pop,
    CompleteAll,
    Ask,
}

fn step() -> impl Strategy<Value = Step> {
    let place = prop_oneof![0u64..0x80, 0x1000u64..0x1020, 0x2000u64..0x2020];
    prop_oneof![
        (place.clone(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(place, bytes)| Step::Scribble(place, bytes)),
        (place, 0u16..10).prop_map(|(place, value)| Step::Poke(place, value)),
        Just(Step::Pop),
        Just(Step::CompleteAll),
        Just(Step::Ask),
    ]
}

proptest! {
    #[test]
    fn a_queue_survives_whatever_is_written_to_its_areas(
        features in features(),
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut pair = pair(8, features);
        let mut chain = Chain::new();
        let mut out = Vec::new();
        for step in steps {
            match step {
                Step::Scribble(place, bytes) => drop(pair.memory.write(Gpa::new(DESCRIPTORS + place), &bytes)),
                Step::Poke(place, value) => drop(pair.memory.write_u16(Gpa::new(DESCRIPTORS + (place & !1)), value)),
                Step::Pop => {
                    if let Ok(true) = pair.queue.pop(&pair.memory, &mut chain) {
                        out.push(chain.token());
                        prop_assert!(out.len() <= 8, "never more in flight than the queue holds");
                        let parts = [chain.readable(), chain.writable()];
                        for range in parts.into_iter().flat_map(|parts| parts.pieces(0, u64::MAX).collect::<Vec<_>>()) {
                            prop_assert_eq!(pair.memory.check(range), Ok(()), "every buffer is RAM");
                        }
                    }
                }
                Step::CompleteAll => {
                    for token in out.drain(..) {
                        prop_assert_eq!(pair.queue.complete(&pair.memory, token, 1), Ok(()));
                    }
                }
                Step::Ask => {
                    let _ = pair.queue.needs_interrupt(&pair.memory);
                    let _ = pair.queue.listen(&pair.memory);
                    let _ = pair.queue.silence(&pair.memory);
                }
            }
        }
    }

    #[test]
    fn a_queue_made_of_noise_ends_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz::walk_queue(&bytes);
    }

    #[test]
    fn registers_survive_every_access_and_are_saved_and_restored(bytes in prop::collection::vec(any::<u8>(), 0..2400)) {
        fuzz::drive_function(&bytes);
    }

    #[test]
    fn a_function_restored_from_noise_is_refused_or_works(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz::restore_function(&bytes);
    }
}
