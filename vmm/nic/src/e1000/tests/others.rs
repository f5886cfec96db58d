//! Cards of different kinds on one wire.

use super::bench::{ADDRESS, Bench, frame_to};
use crate::{MacAddress, VirtioNet, e1000::Model};
use vmm_virtio::testing::Bench as VirtioBench;

use super::bench::List;

const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;
/// Bytes before each frame of virtio (5.1.6).
const HEADER: usize = 12;

#[test]
fn each_of_intels_cards_receives_what_the_other_sends() {
    for (from, to) in [(Model::I82540em, Model::I82574l), (Model::I82574l, Model::I82540em)] {
        let (mut sender, mut receiver) = (Bench::new(from), Bench::new(to));
        for bytes in [60, 61, 1000, 1514] {
            sender.send(&frame_to(ADDRESS, bytes));
        }
        for (index, frame) in (0..).zip(sender.sent()) {
            receiver.receive(frame);
            assert_eq!(receiver.received(index)[..frame.len()], **frame);
        }
        assert_eq!(receiver.read(0x4074), 4);
    }
}

#[test]
fn virtio_receives_what_intels_cards_send() {
    for model in super::bench::BOTH {
        let mut sender = Bench::new(model);
        sender.send(&frame_to(ADDRESS, 500));
        let mut receiver = VirtioBench::new(VirtioNet::new(ADDRESS, List::default()), 0, 2);
        let ranges = receiver.add(RECEIVE, &[], &[2048]);
        receiver.notify(RECEIVE);

        receiver.act(|card, guest| card.receive(&sender.sent()[0], guest)).unwrap();

        assert_eq!(receiver.bytes(ranges[0])[HEADER..HEADER + 500], frame_to(ADDRESS, 500));
    }
}

#[test]
fn intels_cards_receive_what_virtio_sends() {
    let frame = frame_to(ADDRESS, 777);
    let mut sender = VirtioBench::new(VirtioNet::new(MacAddress([2; 6]), List::default()), 0, 2);
    sender.request(TRANSMIT, &[&[0; HEADER], &frame], &[]);
    let sent = sender.act(|card, _| Ok(card.wire_mut().0.clone())).unwrap();
    for model in super::bench::BOTH {
        let mut receiver = Bench::new(model);
        sent.iter().for_each(|frame| receiver.receive(frame));
        assert_eq!(receiver.received(0)[..777], frame);
    }
}
