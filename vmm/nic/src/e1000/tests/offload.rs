//! Checksums and segments.

use super::bench::{BOTH, Bench, DATA};
use crate::e1000::Model;
use alloc::{vec, vec::Vec};

const IP: usize = 14;
const TCP: usize = 34;
const HEADER: usize = 54;

/// The Internet checksum, plainly.
fn sum(bytes: &[u8]) -> u16 {
    let total: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    let once = (total & 0xFFFF) + (total >> 16);
    (once + (once >> 16)) as u16
}

/// Sum of the pseudo header of IPv4.
fn pseudo(frame: &[u8], protocol: u8, bytes: usize) -> u16 {
    sum(&[&frame[IP + 12..IP + 20], &[0, protocol], &(bytes as u16).to_be_bytes()].concat())
}

/// A TCP packet over IPv4 whose checksums are left to the card.
fn tcp(payload: usize) -> Vec<u8> {
    let mut packet = vec![0; HEADER];
    packet[12..14].copy_from_slice(&[8, 0]);
    packet[IP..IP + 10].copy_from_slice(&[0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, 6]);
    packet[IP + 12..IP + 20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[TCP..TCP + 16].copy_from_slice(&[0, 80, 1, 2, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0x50, 0x19, 1, 0]);
    packet.extend((0..payload).map(|at| (at * 3) as u8));
    packet
}

/// A context: TCP over IPv4 with that header and segment size.
fn context(kind: u32, segment: u32) -> [u32; 4] {
    let ip = (IP + 20 - 1) as u32;
    let checksum = |start: usize, place: usize| start as u32 | (place as u32) << 8;
    [
        checksum(IP, IP + 10) | ip << 16,
        checksum(TCP, TCP + 16),
        0x2000_0000 | kind << 24,
        segment << 16 | (HEADER as u32) << 8,
    ]
}

#[test]
fn a_legacy_descriptor_inserts_one_checksum() {
    for model in BOTH {
        let mut bench = Bench::new(model);
        let mut packet = tcp(31);
        packet[16] = 1;
        bench.poke(DATA, &packet);
        bench.describe([DATA as u32, 0, packet.len() as u32 | 50 << 16 | 0x0F00_0000, 34 << 8]);
        bench.ring();

        assert_eq!(sum(&bench.sent()[0][34..]), 0xFFFF);
        assert_eq!(bench.sent()[0][..50], packet[..50]);
    }
}

#[test]
fn a_context_says_where_checksums_go() {
    for model in BOTH {
        let mut bench = Bench::new(model);
        let mut packet = tcp(101);
        let start = pseudo(&packet, 6, packet.len() - TCP);
        packet[TCP + 16..TCP + 18].copy_from_slice(&start.to_be_bytes());
        bench.send_packet(context(3, 0), &packet, 0, 0x300);

        let frame = &bench.sent()[0];
        assert_eq!(sum(&frame[IP..TCP]), 0xFFFF);
        let all = u32::from(sum(&frame[TCP..])) + u32::from(pseudo(frame, 6, frame.len() - TCP));
        assert_eq!((all & 0xFFFF) + (all >> 16), 0xFFFF);
    }
}

#[test]
fn a_large_packet_becomes_segments_with_headers_of_their_own() {
    for model in BOTH {
        let mut bench = Bench::new(model);
        let mut packet = tcp(3000);
        let start = pseudo(&packet, 6, 0);
        packet[TCP + 16..TCP + 18].copy_from_slice(&start.to_be_bytes());
        bench.send_packet(context(7, 1460), &packet, 1 << 26, 0x300);

        let frames = bench.sent();
        assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [1514, 1514, HEADER + 80]);
        let payload: Vec<u8> = frames.iter().flat_map(|frame| frame[HEADER..].to_vec()).collect();
        assert_eq!(payload, packet[HEADER..]);
        for (index, frame) in frames.iter().enumerate() {
            let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
            assert_eq!(usize::from(word(IP + 2)), frame.len() - IP);
            assert_eq!(word(IP + 4), 0x1234 + index as u16);
            let sequence = u32::from(word(TCP + 4)) << 16 | u32::from(word(TCP + 6));
            assert_eq!(sequence, 0xFFFF_FF00u32.wrapping_add(index as u32 * 1460));
            assert_eq!(frame[TCP + 13], if index == 2 { 0x19 } else { 0x10 }, "FIN and PSH go last");
            assert_eq!(sum(&frame[IP..TCP]), 0xFFFF);
            let all = u32::from(sum(&frame[TCP..])) + u32::from(pseudo(frame, 6, frame.len() - TCP));
            assert_eq!((all & 0xFFFF) + (all >> 16), 0xFFFF, "segment {index}");
        }
        assert_eq!(bench.read(0x40F8), 1);
    }
}

#[test]
fn segments_that_make_no_sense_are_dropped() {
    for (segment, header) in [(0, 54), (63, 54), (1460, 255)] {
        let mut bench = Bench::new(Model::I82574l);
        let mut context = context(7, segment);
        context[3] = segment << 16 | header << 8;
        bench.send_packet(context, &tcp(120), 1 << 26, 0x300);
        assert!(bench.sent().is_empty(), "{segment} {header}");
        assert_eq!(bench.dword(super::bench::TX + 28) & 1, 1);
    }
}
