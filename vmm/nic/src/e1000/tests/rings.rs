//! Frames through the rings.

use super::bench::{ADDRESS, BOTH, Bench, DATA, ENTRIES, RX, TX, frame_to};
use crate::{
    MacAddress,
    e1000::{Model, check_sequence::check_sequence},
};
use base_units::Nanos;
use spec::e1000::{RX_RING, TX_RING};
use vmm_bus::Device;

const OTHER: MacAddress = MacAddress([2, 0, 0, 0, 0, 9]);

#[test]
fn what_the_driver_sends_is_on_the_wire_and_reported() {
    for model in BOTH {
        let mut bench = Bench::new(model);
        for bytes in [60, 1518] {
            bench.send(&frame_to(OTHER, bytes));
        }

        assert_eq!(bench.sent(), [frame_to(OTHER, 60), frame_to(OTHER, 1518)]);
        assert_eq!([bench.dword(TX + 12), bench.dword(TX + 28)], [1, 1]);
        assert_eq!(bench.read(TX_RING + 0x10), 2);
        assert_eq!(bench.read(0xC0) & 3, 3, "written back, and empty");
        assert_eq!(bench.read(0x4080), 2, "good frames sent");
        assert_eq!(bench.read(0x4080), 0, "cleared by reading");
    }
}

#[test]
fn a_frame_in_pieces_is_one_frame_and_short_ones_are_padded() {
    let mut bench = Bench::new(Model::I82540em);
    let frame = frame_to(OTHER, 40);
    bench.poke(DATA, &frame);
    bench.describe([DATA as u32, 0, 14, 0]);
    bench.ring();
    assert!(bench.sent().is_empty());

    bench.describe([DATA as u32 + 14, 0, 26 | 0x0300_0000, 0]);
    bench.ring();

    assert_eq!(bench.sent()[0][..40], frame);
    assert_eq!(bench.sent()[0][40..], [0; 20]);
}

#[test]
fn a_frame_from_the_wire_is_in_the_next_buffer_with_its_check_sequence() {
    for model in BOTH {
        let mut bench = Bench::new(model);
        let frame = frame_to(ADDRESS, 100);
        bench.receive(&frame);

        assert_eq!(bench.received(0), [&frame[..], &check_sequence(&frame)].concat());
        assert_eq!(bench.dword(RX + 12), 0b111, "done, end, checksums not looked at");
        assert_eq!(bench.read(RX_RING + 0x10), 1);
        assert_eq!(bench.read(0xC0) & 0x80, 0x80);

        bench.write(0x100, 0x0400_8002);
        bench.receive(&frame);
        assert_eq!(bench.received(1), frame);
    }
}

#[test]
fn extended_descriptors_have_status_and_length_elsewhere() {
    let mut bench = Bench::new(Model::I82574l);
    bench.write(0x5008, 0x8000);
    bench.receive(&frame_to(ADDRESS, 96));

    assert_eq!(bench.dword(RX + 8), 0b111);
    assert_eq!(bench.dword(RX + 12), 100);
    assert_eq!(bench.dword(RX), 0, "no hash");
}

#[test]
fn a_large_frame_takes_several_small_buffers() {
    let mut bench = Bench::new(Model::I82540em);
    bench.write(0x100, 0x0403_8002);
    let frame = frame_to(ADDRESS, 600);
    bench.receive(&frame);

    let pieces = [bench.received(0), bench.received(1), bench.received(2)];
    assert_eq!(pieces.concat(), frame);
    let ends = [0, 1, 2].map(|index| bench.dword(RX + index * 16 + 12) & 2);
    assert_eq!(ends, [0, 0, 2]);
}

#[test]
fn frames_without_room_are_counted_and_told() {
    for model in BOTH {
        let mut bench = Bench::new(model);
        for _ in 0..ENTRIES {
            bench.receive(&frame_to(ADDRESS, 64));
        }

        assert_eq!(bench.read(0x4074), u32::from(ENTRIES) - 1);
        assert_eq!(bench.read(0x4010), 1);
        assert_eq!(bench.read(0xC0) & 0xD0, 0xD0, "received, few left, overrun");
    }
}

#[test]
fn frames_for_others_are_not_received() {
    let group = MacAddress([1, 0, 0x5E, 0, 0, 5]);
    let all = MacAddress([0xFF; 6]);
    let is_received = |control: u32, address: MacAddress, prepare: &dyn Fn(&mut Bench)| {
        let mut bench = Bench::new(Model::I82574l);
        bench.write(0x100, control);
        prepare(&mut bench);
        bench.receive(&frame_to(address, 64));
        bench.read(RX_RING + 0x10) == 1
    };
    let nothing: &dyn Fn(&mut Bench) = &|_| ();
    // The hash is bits 47:36 of the address: 0x050.
    let table: &dyn Fn(&mut Bench) = &|bench| bench.write(0x5200 + 2 * 4, 1 << 16);
    let second: &dyn Fn(&mut Bench) = &|bench| {
        bench.write(0x5408, 0x0000_0002);
        bench.write(0x540C, 0x8000_0900);
    };
    for (control, address, prepare, expected) in [
        (2, ADDRESS, nothing, true),
        (0, ADDRESS, nothing, false),
        (2, OTHER, nothing, false),
        (2, OTHER, second, true),
        (2 | 8, OTHER, nothing, true),
        (2, all, nothing, false),
        (2 | 0x8000, all, nothing, true),
        (2, group, nothing, false),
        (2, group, table, true),
        (2 | 0x1000, group, table, false),
        (2 | 0x10, group, nothing, true),
        (2 | 8, group, nothing, false),
    ] {
        assert_eq!(is_received(control, address, prepare), expected, "{control:#x} {address:?}");
    }
}

#[test]
fn vlan_tags_are_put_on_taken_off_and_filtered() {
    let mut bench = Bench::new(Model::I82540em);
    bench.write(0, 0x4000_0000);
    let frame = frame_to(ADDRESS, 64);
    bench.poke(DATA, &frame);
    bench.describe([DATA as u32, 0, 64 | 0x4300_0000, 0x2005 << 16]);
    bench.ring();
    let tagged = bench.sent()[0].clone();
    assert_eq!(tagged, [&frame[..12], &[0x81, 0, 0x20, 5], &frame[12..]].concat());

    bench.write(0x100, 0x0404_8002);
    bench.receive(&tagged);
    assert_eq!(bench.read(RX_RING + 0x10), 0, "not in the table");
    bench.write(0x5600, 1 << 5);
    bench.receive(&tagged);
    assert_eq!(bench.received(0), frame);
    assert_eq!(bench.dword(RX + 12), 0x2005_000F);
}

#[test]
fn a_long_ring_is_worked_off_in_several_calls() {
    let mut bench = Bench::new(Model::I82574l);
    bench.write(TX_RING + 8, 256 * 16);
    for index in 0..200u64 {
        bench.poke(TX + index * 16 + 8, &(60u32 | 0x0300_0000).to_le_bytes());
    }
    bench.write(TX_RING + 0x18, 200);
    assert_eq!((bench.sent().len(), bench.card.deadline()), (64, Nanos::ZERO));

    let mut twin = bench.twin();
    for bench in [&mut bench, &mut twin] {
        while bench.card.deadline() == Nanos::ZERO {
            bench.with(|card, context| card.advance(context));
        }
        assert_eq!(bench.read(TX_RING + 0x10), 200);
    }
    assert_eq!((bench.sent().len(), twin.sent().len()), (200, 136));
}

#[test]
fn the_second_ring_of_the_82574_sends_too() {
    let mut bench = Bench::new(Model::I82574l);
    bench.poke(TX + 8, &(60u32 | 0x0B00_0000).to_le_bytes());
    for (register, value) in [(0, TX as u32), (8, 128), (0x18, 1)] {
        bench.write(TX_RING + 0x100 + register, value);
    }
    assert_eq!(bench.sent().len(), 1);
    assert_eq!(bench.read(0xC0) >> 20 & 0x1F, 0b01000);
}

#[test]
fn in_loopback_what_is_sent_comes_back() {
    let mut bench = Bench::new(Model::I82540em);
    bench.write(0x20, 0x0420_4140);
    bench.send(&frame_to(ADDRESS, 64));
    assert!(bench.sent().is_empty());
    assert_eq!(bench.received(0)[..64], frame_to(ADDRESS, 64));
}
