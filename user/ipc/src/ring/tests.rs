use super::*;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use proptest::prelude::*;

/// Shared memory as both sides and a hostile peer see it. Copies outside of the data panic.
struct Shared {
    head: Cell<u32>,
    tail: Cell<u32>,
    data: RefCell<Vec<u8>>,
}

impl Shared {
    fn new(capacity: u32) -> Self {
        Self { head: Cell::new(0), tail: Cell::new(0), data: RefCell::new(std::vec![0; capacity as usize]) }
    }
}

impl RingMemory for &Shared {
    fn load(&self, counter: Counter) -> u32 {
        match counter {
            Counter::Head => self.head.get(),
            Counter::Tail => self.tail.get(),
        }
    }

    fn store(&self, counter: Counter, value: u32) {
        match counter {
            Counter::Head => self.head.set(value),
            Counter::Tail => self.tail.set(value),
        }
    }

    fn copy_in(&self, offset: u32, source: &[u8]) {
        self.data.borrow_mut()[offset as usize..][..source.len()].copy_from_slice(source);
    }

    fn copy_out(&self, offset: u32, target: &mut [u8]) {
        target.copy_from_slice(&self.data.borrow()[offset as usize..][..target.len()]);
    }
}

fn sides(shared: &Shared, capacity: u32) -> (Producer<&Shared>, Consumer<&Shared>) {
    (Producer::new(shared, capacity).unwrap(), Consumer::new(shared, capacity).unwrap())
}

#[test]
fn capacities_that_are_no_power_of_two_are_refused() {
    let shared = Shared::new(64);

    for capacity in [0, 1, 4, 12, 63, CAPACITY_MAX * 2, u32::MAX] {
        assert!(matches!(Producer::new(&shared, capacity), Err(RingError::BadCapacity)));
    }
}

#[test]
fn a_full_ring_takes_nothing_more_and_wraps_around() {
    let shared = Shared::new(8);
    let (mut producer, mut consumer) = sides(&shared, 8);

    assert_eq!(producer.write(b"abcdefghij"), Ok(8));
    assert_eq!(producer.write(b"x"), Ok(0));
    let mut out = [0; 5];
    assert_eq!(consumer.read(&mut out), Ok(5));
    assert_eq!(producer.write(b"ijkl"), Ok(4));

    let mut rest = [0; 8];
    assert_eq!((&out, consumer.read(&mut rest), &rest[..7]), (b"abcde", Ok(7), &b"fghijkl"[..]));
}

#[test]
fn counters_pass_the_end_of_their_range() {
    let shared = Shared::new(8);
    let (mut producer, mut consumer) = sides(&shared, 8);
    let near_end = u32::MAX - 2;
    (producer.tail, producer.head, consumer.head, consumer.tail) = (near_end, near_end, near_end, near_end);
    shared.head.set(near_end);
    shared.tail.set(near_end);

    assert_eq!(producer.write(b"abcdefg"), Ok(7));

    let mut out = [0; 8];
    assert_eq!((consumer.read(&mut out), &out[..7]), (Ok(7), &b"abcdefg"[..]));
}

#[test]
fn records_that_can_never_fit_differ_from_those_that_do_not_fit_now() {
    let shared = Shared::new(16);
    let (mut producer, mut consumer) = sides(&shared, 16);

    assert_eq!(producer.write_record(&[1; 13]), Err(RingError::TooLong));
    assert_eq!(producer.write_record(&[1; 5]), Ok(()));
    assert_eq!(producer.write_record(&[2; 1]), Err(RingError::Full));
    assert_eq!(consumer.read_record(&mut [0; 4]), Err(RingError::BufferTooSmall));
    assert_eq!(consumer.read_record(&mut [0; 5]), Ok(Some(5)));
    assert_eq!(consumer.read_record(&mut [0; 5]), Ok(None));
}

#[test]
fn a_consumer_that_moves_back_or_past_the_tail_is_given_up() {
    for head in [2, 9, u32::MAX] {
        let shared = Shared::new(8);
        let (mut producer, mut consumer) = sides(&shared, 8);
        producer.write(b"abcdef").unwrap();
        consumer.read(&mut [0; 3]).unwrap();
        producer.write(b"gh").unwrap();

        shared.head.set(head);

        assert_eq!(producer.write(b"i"), Err(RingError::PeerBroken));
        shared.head.set(3);
        assert_eq!(producer.write(b"i"), Err(RingError::PeerBroken), "it stays broken");
    }
}

#[test]
fn a_producer_that_moves_back_or_past_the_capacity_is_given_up() {
    for tail in [3, 20, u32::MAX] {
        let shared = Shared::new(8);
        let (mut producer, mut consumer) = sides(&shared, 8);
        producer.write(b"abcdef").unwrap();
        consumer.read(&mut [0; 4]).unwrap();

        shared.tail.set(tail);

        assert_eq!(consumer.read(&mut [0; 8]), Err(RingError::PeerBroken));
    }
}

#[test]
fn a_record_longer_than_what_was_published_is_refused() {
    for length in [5u32, 1000, u32::MAX] {
        let shared = Shared::new(16);
        let (mut producer, mut consumer) = sides(&shared, 16);
        producer.write_record(&[7; 4]).unwrap();

        shared.data.borrow_mut()[..4].copy_from_slice(&length.to_le_bytes());

        assert_eq!(consumer.read_record(&mut [0; 16]), Err(RingError::PeerBroken));
    }
}

proptest! {
    #[test]
    fn bytes_come_out_as_they_went_in(
        steps in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..40), 0usize..40), 0..80),
    ) {
        let shared = Shared::new(32);
        let (mut producer, mut consumer) = sides(&shared, 32);
        let mut model = VecDeque::new();
        for (bytes, wanted) in steps {
            let written = producer.write(&bytes).unwrap();
            prop_assert_eq!(written, bytes.len().min(32 - model.len()));
            model.extend(&bytes[..written]);
            let mut out = std::vec![0; wanted];
            let read = consumer.read(&mut out).unwrap();
            prop_assert_eq!(&out[..read], &model.drain(..wanted.min(model.len())).collect::<Vec<_>>()[..]);
        }
    }

    #[test]
    fn records_come_out_as_they_went_in(
        steps in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..30), any::<bool>()), 0..80),
    ) {
        let shared = Shared::new(64);
        let (mut producer, mut consumer) = sides(&shared, 64);
        let mut model = VecDeque::new();
        for (record, also_read) in steps {
            match producer.write_record(&record) {
                Ok(()) => model.push_back(record),
                Err(error) => prop_assert_eq!(error, RingError::Full),
            }
            if also_read {
                let mut out = [0; 64];
                let length = consumer.read_record(&mut out).unwrap();
                prop_assert_eq!(length.map(|length| out[..length].to_vec()), model.pop_front());
            }
        }
    }

    #[test]
    fn a_hostile_peer_never_makes_us_leave_the_ring(
        moves in proptest::collection::vec((any::<u32>(), any::<u32>(), any::<[u8; 16]>()), 1..40),
    ) {
        let shared = Shared::new(16);
        let (mut producer, mut consumer) = sides(&shared, 16);
        for (head, tail, bytes) in moves {
            // Small steps get past the first check more often than wild ones.
            shared.head.set(if head % 2 == 0 { head % 40 } else { head });
            shared.tail.set(if tail % 2 == 0 { tail % 40 } else { tail });
            shared.data.borrow_mut().copy_from_slice(&bytes);

            let _ = producer.write(&bytes);
            let _ = producer.write_record(&bytes[..8]);
            let _ = consumer.read(&mut [0; 24]);
            let _ = consumer.read_record(&mut [0; 24]);
        }
    }
}
