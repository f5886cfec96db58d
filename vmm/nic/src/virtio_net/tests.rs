//! What the card promises.

use super::*;
use spec::virtio::FEATURE_PACKED;
use vmm_bus::Device;
use vmm_virtio::testing::Bench;

const ADDRESS: MacAddress = MacAddress([0x52, 0x54, 0, 1, 2, 3]);
const TRANSMIT: u16 = 1;

/// A cable whose other end is a list.
#[derive(Default)]
struct List(Vec<Vec<u8>>);

impl Wire for List {
    fn is_up(&self) -> bool {
        true
    }
    fn send(&mut self, frame: &[u8]) {
        self.0.push(frame.to_vec());
    }
}

fn frame(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|byte| byte as u8).collect()
}

fn with_header(frame: &[u8]) -> Vec<u8> {
    [&[0; HEADER_BYTES], frame].concat()
}

#[test]
fn what_the_driver_sends_is_on_the_wire_without_its_header() {
    for features in [0, FEATURE_PACKED] {
        let mut bench = Bench::new(VirtioNet::new(ADDRESS, List::default()), features, 2);

        bench.request(TRANSMIT, &[&with_header(&frame(60))], &[]);
        bench.request(TRANSMIT, &[&[0; HEADER_BYTES], &frame(1518)], &[]);

        let sent = bench.act(|card, _| Ok(card.wire_mut().0.clone()));
        assert_eq!(sent.unwrap(), [frame(60), frame(1518)]);
    }
}

#[test]
fn what_is_no_frame_is_dropped() {
    let mut bench = Bench::new(VirtioNet::new(ADDRESS, List::default()), 0, 2);

    for bytes in [0, 13, 1519, 70_000] {
        bench.request(TRANSMIT, &[&with_header(&vec![0; bytes])], &[]);
    }

    assert!(bench.act(|card, _| Ok(card.wire_mut().0.is_empty())).unwrap());
}

#[test]
fn a_frame_from_the_wire_fills_the_next_buffer() {
    let mut bench = Bench::new(VirtioNet::new(ADDRESS, List::default()), 0, 2);
    let ranges = bench.add(RECEIVE, &[], &[2048]);
    bench.notify(RECEIVE);

    for _ in 0..2 {
        bench.act(|card, guest| card.receive(&frame(64), guest)).unwrap();
    }

    let content = bench.bytes(ranges[0]);
    assert_eq!(content[10], 1, "one buffer");
    assert_eq!(content[HEADER_BYTES..76], frame(64));
    assert_eq!(
        bench.act(|card, _| Ok(card.counters)).unwrap(),
        Counters { received: 1, dropped: 1, sent: 0 }
    );
}

#[test]
fn the_configuration_has_address_and_link() {
    let card = VirtioNet::new(ADDRESS, crate::Nowhere);

    assert_eq!(card.config_read(0, AccessSize::Dword), 0x0100_5452);
    assert_eq!(card.config_read(6, AccessSize::Word), 0);
    assert_eq!(VirtioNet::new(ADDRESS, List::default()).config_read(6, AccessSize::Word), 1);
}

#[test]
fn a_saved_card_is_restored() {
    let bench = Bench::new(VirtioNet::new(ADDRESS, crate::Nowhere), 0, 2);
    let mut twin = Bench::untouched(VirtioNet::new(ADDRESS, crate::Nowhere));

    assert_eq!(twin.pci.restore(bench.pci.save().as_saved()), Ok(()));
    assert_eq!(twin.pci.save(), bench.pci.save());
}
