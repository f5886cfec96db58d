//! What the console promises.

use super::{Console, ConsoleSize, INPUT_BYTES, OUTPUT_BYTES};
use alloc::{vec, vec::Vec};
use base_units::Nanos;
use proptest::prelude::*;
use spec::virtio::{FEATURE_EVENT_INDEX, FEATURE_PACKED};
use vmm_bus::{AccessSize, Attention, Device};
use vmm_virtio::testing::Bench;

const SIZE: ConsoleSize = ConsoleSize { columns: 80, rows: 25 };

fn bench(features: u64) -> Bench<Console> {
    Bench::new(Console::new(SIZE), features | 1, 2)
}

fn take(bench: &mut Bench<Console>, room: usize) -> Vec<u8> {
    let mut bytes = vec![0; room];
    let count = bench.act(|console, guest| Ok(console.take_output(&mut bytes, guest)));
    bytes.truncate(count.unwrap_or(0));
    bytes
}

fn typed(bench: &mut Bench<Console>, bytes: &[u8]) -> usize {
    bench.act(|console, guest| console.type_bytes(bytes, guest)).unwrap_or(0)
}

#[test]
fn what_the_guest_writes_is_taken() {
    let mut bench = bench(0);

    bench.request(1, &[b"hello ", b"world"], &[]);

    assert!(bench.effects.attention().contains(Attention::CONSOLE));
    assert_eq!(take(&mut bench, 100), b"hello world");
}

#[test]
fn what_is_typed_fills_the_guests_buffers() {
    let mut bench = bench(0);
    let first = bench.add(0, &[], &[3, 2]);
    let second = bench.add(0, &[], &[64]);

    assert_eq!(typed(&mut bench, b"keyboard"), 8);

    let filled: Vec<u8> = first.iter().flat_map(|range| bench.bytes(*range)).collect();
    assert_eq!(filled, b"keybo");
    assert_eq!(&bench.bytes(second[0])[..3], b"ard");
}

#[test]
fn typing_waits_until_the_guest_has_buffers_and_is_bounded() {
    let mut bench = bench(0);

    assert_eq!(typed(&mut bench, &[7; INPUT_BYTES + 5]), INPUT_BYTES);
    let answers = bench.add(0, &[], &[16]);
    bench.notify(0);

    assert_eq!(bench.bytes(answers[0]), vec![7; 16]);
    assert_eq!(bench.pci.device().input_room(), 16);
}

#[test]
fn a_full_output_queue_keeps_the_request_until_there_is_room() {
    let mut bench = bench(0);
    let text: Vec<u8> = (0..OUTPUT_BYTES + 100).map(|index| index as u8).collect();
    bench.add(1, &[&text], &[]);
    bench.notify(1);
    assert_eq!(bench.queues[1].take_used(&bench.memory), None);

    let mut all = take(&mut bench, 150);
    bench.advance();
    assert!(bench.queues[1].take_used(&bench.memory).is_some());
    all.extend(take(&mut bench, usize::from(u16::MAX)));

    assert_eq!(all, text);
}

/// Lets the device do what it put off, as long as there is something; `false` if that does not end.
fn settles(bench: &mut Bench<Console>) -> bool {
    (0..10).any(|_| {
        bench.advance();
        bench.pci.deadline() == Nanos::MAX
    })
}

#[test]
fn buffers_that_wait_for_text_and_text_that_waits_for_room_cost_no_wake_up() {
    for features in [0, FEATURE_PACKED, FEATURE_EVENT_INDEX] {
        let mut bench = bench(features);
        bench.add(0, &[], &[16]);
        bench.notify(0);
        assert!(settles(&mut bench), "buffers wait");

        for _ in 0..3 {
            bench.add(1, &[&[1; OUTPUT_BYTES]], &[]);
        }
        bench.notify(1);
        assert!(settles(&mut bench), "text waits");

        typed(&mut bench, &[2; 32]);
        assert!(settles(&mut bench), "typed text waits");
        let next = bench.add(0, &[], &[16]);
        assert!(bench.queues[0].must_notify(&bench.memory), "the guest is asked to say so");
        bench.notify(0);
        assert_eq!(bench.bytes(next[0]), vec![2; 16]);
        assert!(settles(&mut bench));
    }
}

#[test]
fn a_new_size_is_announced() {
    let mut bench = bench(0);
    assert_eq!(bench.read(0x2000, AccessSize::Dword), 25 << 16 | 80);

    let resized = bench.act(|console, guest| {
        console.resize(ConsoleSize { columns: 132, rows: 50 }, guest);
        Ok(())
    });

    assert_eq!(resized, Ok(()));
    assert_eq!(bench.read(0x2000, AccessSize::Word), 132);
    assert_eq!(bench.read(0x1000, AccessSize::Byte) & 2, 2, "the ISR says: configuration");
}

proptest! {
    #[test]
    fn no_byte_is_lost_or_changed_even_across_save_and_restore(
        features in prop_oneof![Just(0), Just(FEATURE_PACKED), Just(FEATURE_PACKED | FEATURE_EVENT_INDEX)],
        steps in prop::collection::vec((1usize..1500, 0usize..2000, any::<bool>()), 1..25),
    ) {
        let mut bench = bench(features);
        let (mut written, mut taken) = (Vec::new(), Vec::new());
        for (size, room, is_saved) in steps {
            let text: Vec<u8> = (0..size).map(|index| (index + written.len()) as u8).collect();
            bench.add(1, &[&text], &[]);
            written.extend(&text);
            bench.notify(1);
            if is_saved {
                let saved = bench.pci.save();
                let mut twin = Bench::untouched(Console::new(SIZE));
                prop_assert_eq!(twin.pci.restore(saved.as_saved()), Ok(()));
                bench.pci = twin.pci;
            }
            taken.extend(take(&mut bench, room));
            bench.advance();
            while bench.queues[1].take_used(&bench.memory).is_some() {}
        }
        loop {
            let more = take(&mut bench, 1000);
            bench.advance();
            if more.is_empty() { break }
            taken.extend(more);
        }
        prop_assert_eq!(taken, written);
    }
}
