//! Drivers that mean harm.

use super::bench::{ADDRESS, BOTH, Bench, DATA, RAM, RX, TX, frame_to};
use crate::e1000::Model;
use base_units::Nanos;
use proptest::prelude::*;
use spec::e1000::{RX_RING, TX_RING};
use vmm_bus::{AccessSize, Device, Region};
use vmm_snapshot::Saved;

#[test]
fn rings_that_are_no_memory_stand_still() {
    for model in BOTH {
        let mut bench = Bench::new(model);
        for base in [RAM as u32, 0xFFFF_FFF0] {
            bench.write(TX_RING, base);
            bench.write(TX_RING + 4, u32::MAX);
            bench.write(RX_RING, base);
            bench.write(TX_RING + 0x18, 3);
            bench.receive(&frame_to(ADDRESS, 64));
        }
        assert_eq!((bench.read(TX_RING + 0x10), bench.read(RX_RING + 0x10)), (0, 0));
        assert_eq!(bench.card.deadline(), Nanos::MAX);
    }
}

#[test]
fn heads_and_tails_outside_of_the_ring_are_no_work() {
    for (head, tail) in [(0, 16), (16, 3), (0xFFFF, 0), (0, 0xFFFF)] {
        let mut bench = Bench::new(Model::I82540em);
        bench.write(TX_RING + 0x10, head);
        bench.write(TX_RING + 0x18, tail);
        bench.write(RX_RING + 0x10, head);
        bench.write(RX_RING + 0x18, tail);
        bench.receive(&frame_to(ADDRESS, 64));
        assert_eq!((bench.read(TX_RING + 0x10), bench.read(RX_RING + 0x10)), (head, head));
    }
}

#[test]
fn data_that_is_no_memory_or_too_much_loses_its_packet_alone() {
    let mut bench = Bench::new(Model::I82574l);
    bench.describe([RAM as u32 - 10, 0, 60 | 0x0B00_0000, 0]);
    for _ in 0..3 {
        bench.describe([0, 0, 0x7_0000 | 0x2010_0000, 0]);
    }
    bench.describe([0, 0, 0x10 | 0x2910_0000, 0]);
    bench.describe([0, 0, 13 | 0x0B00_0000, 0]);
    bench.write(0x400, 2);
    bench.ring();
    assert!(bench.sent().is_empty());

    bench.send(&frame_to(ADDRESS, 60));
    assert_eq!(bench.sent(), [frame_to(ADDRESS, 60)]);
}

#[test]
fn a_packet_without_end_takes_no_more_memory_than_a_packet() {
    let mut bench = Bench::new(Model::I82540em);
    for _ in 0..40 {
        for _ in 0..15 {
            bench.describe([0, 0, 0x1_0000 | 0x2010_0000, 0]);
        }
        bench.ring();
    }
    assert!(bench.card.save().bytes().len() < 0x2_4000);
}

#[test]
fn nothing_happens_without_bus_mastering() {
    let mut bench = Bench::new(Model::I82574l);
    bench.configure(4, 2);
    bench.send(&frame_to(ADDRESS, 64));
    bench.receive(&frame_to(ADDRESS, 64));
    assert!(bench.sent().is_empty());
    assert_eq!(bench.read(RX_RING + 0x10), 0);

    bench.configure(4, 6);
    assert_eq!(bench.sent().len(), 1);
}

#[test]
fn states_of_the_other_card_and_broken_ones_are_refused() {
    let states = BOTH.map(|model| Bench::new(model).card.save());
    for (model, state) in BOTH.into_iter().zip(states.iter().rev()) {
        assert!(Bench::untouched(model).card.restore(state.as_saved()).is_err());
    }
    let whole = states[0].bytes();
    for bytes in 0..whole.len() {
        let saved = Saved { version: 1, bytes: &whole[..bytes] };
        assert!(Bench::untouched(BOTH[0]).card.restore(saved).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_sequence_of_accesses_and_frames_breaks_the_card(
        is_new in any::<bool>(),
        steps in prop::collection::vec((0u8..11, any::<u16>(), any::<u32>(), any::<u32>()), 0..120),
    ) {
        let mut bench = Bench::new(BOTH[usize::from(is_new)]);
        let mut twin = bench.twin();
        for (kind, at, value, more) in steps {
            for bench in [&mut bench, &mut twin] {
                step(bench, kind, at, value, more);
            }
            prop_assert_eq!(bench.messages(), twin.messages());
        }
        prop_assert_eq!(bench.sent(), twin.sent());
        prop_assert_eq!(bench.card.save(), twin.card.save());
        prop_assert!(bench.peek(0, RAM) == twin.peek(0, RAM));
        bench.twin();
    }

    #[test]
    fn no_saved_state_breaks_the_card(
        is_new in any::<bool>(),
        changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..12),
        steps in prop::collection::vec((0u8..11, any::<u16>(), any::<u32>(), any::<u32>()), 0..40),
    ) {
        let mut bench = Bench::new(BOTH[usize::from(is_new)]);
        let state = bench.card.save();
        let mut bytes = state.bytes().to_vec();
        for (at, value) in changes {
            let place = usize::from(at) % bytes.len();
            bytes[place] = value;
        }
        if bench.card.restore(Saved { version: 1, bytes: &bytes }).is_ok() {
            for (kind, at, value, more) in steps {
                step(&mut bench, kind, at, value, more);
            }
        }
    }
}

/// One thing that a driver or the wire does.
fn step(bench: &mut Bench, kind: u8, at: u16, value: u32, more: u32) {
    let sizes = [AccessSize::Byte, AccessSize::Word, AccessSize::Dword, AccessSize::Qword];
    let size = sizes[more as usize % 4];
    let region = Region(u16::from(more as u8 >> 2) % 5);
    let known = [0, 0x10, 0x14, 0x18, 0x20, 0xC0, 0xC8, 0xD0, 0xD8, 0xDC, 0xE4, 0x100, 0x400, 0x5008];
    match kind {
        0 => bench.write(u64::from(at) * 4, value),
        1 => bench.write(known[usize::from(at) % known.len()], value),
        2 => bench.write([RX_RING, TX_RING][usize::from(at & 1)] + u64::from(at >> 1) % 0x120, value & 0x3F),
        3 => {
            bench.with(|card, context| {
                card.write(region, u64::from(at), size, size.cut(value.into()), context)
            });
        }
        4 => {
            bench.with(|card, context| card.read(region, u64::from(at), size, context));
        }
        5 => bench.poke(TX + u64::from(at) % 256, &value.to_le_bytes()),
        6 => bench.poke(RX + u64::from(at) % 256, &value.to_le_bytes()),
        7 => {
            let data = u32::from(at & 1) << 20 | u32::from(at >> 1 & 1) << 29;
            bench.describe([
                DATA as u32 + (value & 0xFFF),
                0,
                value >> 12 & 0x7FF | more & 0xCF0F_0000 | data,
                more,
            ]);
            bench.ring();
        }
        8 => bench.receive(&frame_to(ADDRESS, usize::from(at) % 1600 + 14)),
        9 => bench.configure((at % 0xF0) & !1, value),
        _ => bench.with(|card, context| card.advance(context)),
    }
}
