//! A queue against a driver that behaves well.

use crate::{
    Chain, Fault, Queue, Token,
    testing::{Buffer, Direction, DriverQueue, Wish},
};
use alloc::{collections::VecDeque, vec::Vec};
use base_units::Gpa;
use proptest::prelude::*;
use spec::virtio::{FEATURE_EVENT_INDEX, FEATURE_INDIRECT, FEATURE_PACKED};
use vmm_bus::{FlatMemory, GuestRange};

const BASE: Gpa = Gpa::new(0x1_0000);
const RAM_BYTES: usize = 0x3_0000;

/// All combinations of ring features.
pub(super) fn features() -> impl Strategy<Value = u64> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(packed, indirect, event)| {
        let chosen = |wanted, feature| if wanted { feature } else { 0 };
        chosen(packed, FEATURE_PACKED)
            | chosen(indirect, FEATURE_INDIRECT)
            | chosen(event, FEATURE_EVENT_INDEX)
    })
}

pub(super) struct Pair {
    pub(super) memory: FlatMemory,
    pub(super) driver: DriverQueue,
    pub(super) queue: Queue,
}

pub(super) fn pair(size: u16, features: u64) -> Pair {
    let memory = FlatMemory::new(Gpa::new(0), RAM_BYTES);
    let driver = DriverQueue::new(BASE, size, features);
    let mut queue = Queue::new(size.next_power_of_two());
    queue.set_size(size);
    driver.turn_on(&mut queue, features, &memory);
    Pair { memory, driver, queue }
}

fn buffers(readable: &[u64], writable: &[u64], seed: u64) -> Vec<Buffer> {
    let to = readable.iter().map(|bytes| (*bytes, Direction::ToDevice));
    let from = writable.iter().map(|bytes| (*bytes, Direction::FromDevice));
    let place = |index: u64| Gpa::new((seed * 0x400 + index * 0x40) % 0xF000);
    (0..)
        .zip(to.chain(from))
        .map(|(index, (bytes, direction))| Buffer {
            range: GuestRange { start: place(index), bytes },
            direction,
        })
        .collect()
}

fn chain_buffers(chain: &Chain) -> Vec<Buffer> {
    let of = |parts: crate::Parts<'_>, direction| -> Vec<Buffer> {
        parts.pieces(0, parts.len()).map(|range| Buffer { range, direction }).collect()
    };
    let mut all = of(chain.readable(), Direction::ToDevice);
    all.extend(of(chain.writable(), Direction::FromDevice));
    all
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u64>, Vec<u64>),
    Pop,
    /// Completes one of those that are out: which, and how many bytes.
    Complete(usize, u32),
    TakeUsed,
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = || prop::collection::vec(1u64..0x40, 0..4);
    prop_oneof![
        3 => (sizes(), sizes()).prop_map(|(readable, writable)| Step::Add(readable, writable)),
        3 => Just(Step::Pop),
        3 => (any::<usize>(), any::<u32>()).prop_map(|(which, bytes)| Step::Complete(which, bytes)),
        3 => Just(Step::TakeUsed),
    ]
}

/// What the driver and the device believe about a queue.
#[derive(Default)]
struct Model {
    offered: VecDeque<(u16, Vec<Buffer>)>,
    out: Vec<(u16, Token)>,
    used: VecDeque<(u16, u32)>,
}

fn run(pair: &mut Pair, model: &mut Model, seed: u64, step: &Step) -> Result<(), TestCaseError> {
    let mut chain = Chain::new();
    match step {
        Step::Add(readable, writable) => {
            let wanted = buffers(readable, writable, seed);
            if let Some(id) = pair.driver.add(&pair.memory, &wanted) {
                model.offered.push_back((id, wanted));
            }
        }
        Step::Pop => {
            let found = pair.queue.pop(&pair.memory, &mut chain);
            let expected = model.offered.pop_front();
            prop_assert_eq!(found, Ok(expected.is_some()));
            if let Some((id, wanted)) = expected {
                prop_assert_eq!(chain_buffers(&chain), wanted);
                model.out.push((id, chain.token()));
            }
        }
        Step::Complete(which, bytes) => {
            if !model.out.is_empty() {
                let (id, token) = model.out.remove(which % model.out.len());
                prop_assert_eq!(pair.queue.complete(&pair.memory, token, *bytes), Ok(()));
                model.used.push_back((id, *bytes));
            }
        }
        Step::TakeUsed => {
            prop_assert_eq!(pair.driver.take_used(&pair.memory), model.used.pop_front());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_request_arrives_in_order_and_every_completion_returns(
        features in features(),
        size in prop_oneof![Just(2u16), Just(8), Just(64)],
        steps in prop::collection::vec(step(), 0..400),
    ) {
        let mut pair = pair(size, features);
        let mut model = Model::default();
        for (seed, step) in (0..).zip(&steps) {
            run(&mut pair, &mut model, seed, step)?;
        }
    }

    #[test]
    fn a_packed_ring_of_any_size_works(
        size in 1u16..40,
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mut pair = pair(size, FEATURE_PACKED | FEATURE_EVENT_INDEX);
        let mut model = Model::default();
        for (seed, step) in (0..).zip(&steps) {
            run(&mut pair, &mut model, seed, step)?;
        }
    }

    #[test]
    fn a_restored_queue_goes_on_as_the_saved_one(
        features in features(),
        before in prop::collection::vec(step(), 0..150),
        after in prop::collection::vec(step(), 0..150),
    ) {
        let mut pair = pair(16, features);
        let mut model = Model::default();
        for (seed, step) in (0..).zip(&before) {
            run(&mut pair, &mut model, seed, step)?;
        }
        let saved = pair.queue.save();
        pair.queue = Queue::new(16);
        prop_assert_eq!(pair.queue.restore(&saved), Ok(()));
        for (seed, step) in (0..).zip(&after) {
            run(&mut pair, &mut model, seed, step)?;
        }
    }

    #[test]
    fn a_driver_that_waits_is_interrupted_by_the_next_completion(
        features in features(),
        rounds in prop::collection::vec((1usize..5, any::<bool>()), 1..100),
    ) {
        let mut pair = pair(8, features);
        let mut chain = Chain::new();
        for (count, wants) in rounds {
            pair.driver.wish(&pair.memory, if wants { Wish::Next } else { Wish::Never });
            for index in 0..count {
                let added = pair.driver.add(&pair.memory, &buffers(&[8], &[], index as u64));
                prop_assert!(added.is_some());
                prop_assert_eq!(pair.queue.pop(&pair.memory, &mut chain), Ok(true));
                prop_assert_eq!(pair.queue.complete(&pair.memory, chain.token(), 0), Ok(()));
            }
            prop_assert_eq!(pair.queue.needs_interrupt(&pair.memory), Ok(wants));
            prop_assert_eq!(pair.queue.needs_interrupt(&pair.memory), Ok(false));
            while pair.driver.take_used(&pair.memory).is_some() {}
        }
    }

    #[test]
    fn a_device_that_listens_is_notified_of_the_next_request(
        features in features(),
        rounds in prop::collection::vec((1usize..5, any::<bool>()), 1..100),
    ) {
        let mut pair = pair(8, features);
        let mut chain = Chain::new();
        for (count, listens) in rounds {
            prop_assert_eq!(pair.queue.silence(&pair.memory), Ok(()));
            if listens {
                prop_assert_eq!(pair.queue.listen(&pair.memory), Ok(false));
            }
            for index in 0..count {
                prop_assert!(pair.driver.add(&pair.memory, &buffers(&[8], &[], index as u64)).is_some());
            }
            let notified = pair.driver.must_notify(&pair.memory);
            // An event index cannot say "never": one notification too many is allowed (2.7.10).
            let may_be_spurious = features & FEATURE_EVENT_INDEX != 0 && features & FEATURE_PACKED == 0;
            prop_assert!(notified == listens || notified && may_be_spurious);
            prop_assert_eq!(pair.queue.listen(&pair.memory), Ok(true), "what came meanwhile is seen");
            for _ in 0..count {
                prop_assert_eq!(pair.queue.pop(&pair.memory, &mut chain), Ok(true));
                prop_assert_eq!(pair.queue.complete(&pair.memory, chain.token(), 0), Ok(()));
                prop_assert!(pair.driver.take_used(&pair.memory).is_some());
            }
        }
    }
}

#[test]
fn a_queue_that_is_off_gives_nothing() {
    let memory = FlatMemory::new(Gpa::new(0), 0);
    let mut queue = Queue::new(8);

    assert_eq!(queue.pop(&memory, &mut Chain::new()), Ok(false));
    assert_eq!(queue.complete(&memory, Token::default(), 0), Ok(()));
}

#[test]
fn a_ring_outside_of_ram_or_misaligned_is_not_turned_on() {
    let memory = FlatMemory::new(Gpa::new(0), 0x1000);
    for (place, expected) in
        [(0x1_0000, Fault::BadAddress), (0xFF0, Fault::BadAddress), (0x8, Fault::Misaligned)]
    {
        let mut queue = Queue::new(8);
        if let Some(areas) = queue.areas_mut() {
            areas.descriptors = Gpa::new(place);
        }
        assert_eq!(queue.turn_on(0, &memory), Err(expected));
        assert!(!queue.is_on());
    }
}

#[test]
fn parts_are_read_and_written_across_their_buffers() {
    let mut pair = pair(8, 0);
    let wanted = buffers(&[3, 5], &[2, 7], 1);
    assert!(pair.driver.add(&pair.memory, &wanted).is_some());
    let mut chain = Chain::new();
    assert_eq!(pair.queue.pop(&pair.memory, &mut chain), Ok(true));

    assert_eq!(chain.writable().write(&pair.memory, 1, &[1, 2, 3]), Ok(()));
    let mut back = [0; 9];
    for (piece, at) in chain.writable().pieces(0, 9).zip([0usize, 2]) {
        let end = at + piece.bytes as usize;
        assert_eq!(vmm_bus::GuestMemory::read(&pair.memory, piece.start, &mut back[at..end]), Ok(()));
    }

    assert_eq!(back, [0, 1, 2, 3, 0, 0, 0, 0, 0]);
    assert_eq!(chain.writable().write(&pair.memory, 8, &[0, 0]), Err(Fault::BadRequest));
    assert_eq!(chain.readable().read(&pair.memory, 0, &mut [0; 9]), Err(Fault::BadRequest));
}
