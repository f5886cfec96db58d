//! The CD-ROM drive.

use super::bench::{BLOCKS, Bench, DATA, Vector, pattern};
use crate::Drive;
use alloc::{vec, vec::Vec};
use proptest::prelude::*;
use spec::ata::command as ata;
use vmm_bus::{AccessSize, ByteVolume};

const SECOND: u8 = 0x10;

impl Bench {
    /// Sends a packet command with a limit of bytes for each block; answers with status and error of its start.
    fn send_packet(&mut self, packet: &[u8], limit: u16, feature: u8) {
        self.put(6, 0xA0 | SECOND);
        let [low, high] = limit.to_le_bytes();
        for (port, value) in [(1, feature), (4, low), (5, high), (7, ata::PACKET)] {
            self.put(port, value);
        }
        assert_eq!((self.get(7), self.get(2) & 3), (0x58, 1), "the packet is wanted");
        let mut whole = [0; 12];
        whole[..packet.len()].copy_from_slice(packet);
        self.write_data(&whole);
    }

    /// Runs a packet command through the data register: what it read, status and error.
    fn packet_with(&mut self, packet: &[u8], limit: u16) -> (Vec<u8>, u8, u8) {
        self.send_packet(packet, limit, 0);
        let mut data = Vec::new();
        for _ in 0..10_000 {
            assert!(self.is_interrupting());
            let status = self.get(7);
            let count = u16::from_le_bytes([self.get(4), self.get(5)]);
            let reason = self.get(2) & 3;
            if status & 8 == 0 {
                assert_eq!(reason, 3);
                return (data, status, self.get(1));
            }
            assert_eq!(reason, 2);
            assert!(count > 0 && count <= limit);
            let words = self.read_data(usize::from(count).next_multiple_of(2));
            data.extend_from_slice(&words[..usize::from(count)]);
        }
        panic!("the command never ends");
    }

    fn packet(&mut self, packet: &[u8]) -> (Vec<u8>, u8, u8) {
        self.packet_with(packet, 0xFFFE)
    }

    fn sense(&mut self) -> (u8, u8, u8) {
        let (sense, status, _) = self.packet(&[3, 0, 0, 0, 18]);
        assert_eq!((sense.len(), status), (18, 0x50));
        (sense[2], sense[12], sense[13])
    }

    fn disc(&mut self) -> &mut Drive<Vector> {
        self.ide.drive_mut(1).unwrap()
    }
}

#[test]
fn the_drive_says_who_it_is_in_its_own_way() {
    let mut bench = Bench::new();
    bench.put(6, 0xB0);
    bench.put(7, ata::IDENTIFY);
    assert_eq!((bench.get(7), bench.get(1), bench.get(4), bench.get(5)), (0x51, 4, 0x14, 0xEB));
    bench.put(7, ata::IDENTIFY_PACKET);
    assert_eq!(bench.get(7), 0x58);
    assert_eq!(bench.read_data(512)[..2], [0xC0, 0x85]);

    let (inquiry, status, _) = bench.packet(&[0x12, 0, 0, 0, 36]);

    assert_eq!((inquiry[0], inquiry[1], inquiry.len(), status), (5, 0x80, 36, 0x50));
    assert_eq!(&inquiry[8..24], b"Corten  CD-ROM  ");
    assert_eq!(bench.packet(&[0x12, 0, 0, 0, 5]).0.len(), 5, "cut to the room");
}

#[test]
fn blocks_are_read_in_pieces_of_the_limit() {
    for limit in [0xFFFE, 2048, 4096, 100, 2047] {
        let mut bench = Bench::new();
        let (data, status, _) = bench.packet_with(&[0x28, 0, 0, 0, 0, 10, 0, 0, 5], limit);
        assert_eq!(status, 0x50);
        assert_eq!(data, pattern(BLOCKS * 4)[10 * 2048..15 * 2048], "{limit}");
    }
}

#[test]
fn every_read_command_reads_the_same() {
    let mut bench = Bench::new();
    let expected = &pattern(BLOCKS * 4)[2 * 2048..4 * 2048];
    for packet in [
        &[0x28, 0, 0, 0, 0, 2, 0, 0, 2][..],
        &[0xA8, 0, 0, 0, 0, 2, 0, 0, 0, 2],
        &[0xBE, 0, 0, 0, 0, 2, 0, 0, 2, 0x10],
    ] {
        assert_eq!(bench.packet(packet).0, expected);
    }
    bench.descriptors(&[(DATA as u32, 4096)]);
    bench.send_packet(&[0x28, 0, 0, 0, 0, 2, 0, 0, 2], 0, 1);
    bench.master_start(9);
    assert_eq!((bench.get(7), bench.master_status() & 7), (0x50, 4));
    assert_eq!(bench.peek(DATA, 4096), expected);
}

#[test]
fn blocks_behind_the_end_are_refused_with_a_reason() {
    let mut bench = Bench::new();
    let last = BLOCKS as u8;
    assert_eq!(bench.packet(&[0x28, 0, 0, 0, 0, last, 0, 0, 1]), (vec![], 0x51, 0x54));
    assert_eq!(bench.sense(), (5, 0x21, 0));
    assert_eq!(bench.sense(), (0, 0, 0), "told once");
    assert_eq!(bench.packet(&[0xFF]), (vec![], 0x51, 0x54));
    assert_eq!(bench.sense(), (5, 0x20, 0));
}

#[test]
fn capacity_and_table_of_contents_describe_one_data_track() {
    let mut bench = Bench::new();
    assert_eq!(bench.packet(&[0x25]).0, [0, 0, 0, 199, 0, 0, 8, 0]);
    let toc = |bench: &mut Bench, msf, format, control| {
        bench.packet(&[0x43, msf, format, 0, 0, 0, 0, 0, 0xFF, control]).0
    };

    let tracks = toc(&mut bench, 0, 0, 0);
    assert_eq!(tracks, [0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xAA, 0, 0, 0, 0, 200]);
    assert_eq!(toc(&mut bench, 2, 0, 0)[8..12], [0, 0, 2, 0]);
    // 200 blocks after the 150 before the first.
    assert_eq!(toc(&mut bench, 2, 0, 0)[16..20], [0, 0, 4, 50]);
    assert_eq!(toc(&mut bench, 0, 1, 0), [0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0]);
    let full = toc(&mut bench, 0, 2, 0);
    assert_eq!((full.len(), &full[4..15]), (48, &[1, 0x14, 0, 0xA0, 0, 0, 0, 0, 1, 0, 0][..]));
    assert_eq!(toc(&mut bench, 0, 0, 0x80), full, "the format where old hosts put it");
    assert_eq!(bench.packet(&[0x43, 0, 0, 0, 0, 0, 2, 0, 0xFF]).2, 0x54, "no track 2");
}

#[test]
fn configuration_and_modes_are_told() {
    let mut bench = Bench::new();
    let configuration = bench.packet(&[0x46, 0, 0, 0, 0, 0, 0, 0, 0xFF]).0;
    assert_eq!(configuration.len(), 4 + u32::from_be_bytes(configuration[..4].try_into().unwrap()) as usize);
    assert_eq!(configuration[6..8], [0, 8], "a CD-ROM");
    assert_eq!(bench.packet(&[0x46, 2, 0, 3, 0, 0, 0, 0, 0xFF]).0[8..12], [0, 3, 3, 4]);

    for page in [1, 0x0E, 0x2A, 0x3F] {
        let long = bench.packet(&[0x5A, 0, page, 0, 0, 0, 0, 0, 0xFF]).0;
        assert_eq!(long.len(), 2 + usize::from(u16::from_be_bytes([long[0], long[1]])));
        let short = bench.packet(&[0x1A, 0, page, 0, 0xFF]).0;
        assert_eq!(short.len(), 1 + usize::from(short[0]));
        assert_eq!(short[4..], long[8..]);
    }
    assert_eq!(bench.packet(&[0x5A, 0, 0x08, 0, 0, 0, 0, 0, 0xFF]).1, 0x51);
    assert_eq!(bench.packet(&[0x51, 0, 0, 0, 0, 0, 0, 0, 0xFF]).0.len(), 34);
    assert_eq!(bench.packet(&[0x52, 1, 0, 0, 0, 1, 0, 0, 0xFF]).0[24..28], [0, 0, 0, 200]);
    assert_eq!(bench.packet(&[0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8]).0.len(), 8);
    for packet in [&[0x00][..], &[0x2B, 0, 0, 0, 0, 9], &[0xBB], &[0x35]] {
        assert_eq!(bench.packet(packet).1, 0x50);
    }
}

#[test]
fn parameters_are_taken_and_ignored() {
    let mut bench = Bench::new();
    bench.send_packet(&[0x55, 0x10, 0, 0, 0, 0, 0, 0, 16], 0xFFFE, 0);
    assert_eq!((bench.get(7), bench.get(2) & 3), (0x58, 0));

    bench.write_data(&[0; 16]);

    assert_eq!((bench.get(7), bench.get(2) & 3), (0x50, 3));
}

#[test]
fn the_disc_is_ejected_unless_locked_and_its_coming_is_announced() {
    let mut bench = Bench::new();
    let event = |bench: &mut Bench| bench.packet(&[0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8]).0;
    assert_eq!(event(&mut bench), [0, 6, 4, 0x10, 0, 2, 0, 0]);
    bench.packet(&[0x1E, 0, 0, 0, 1]);
    assert_eq!(bench.packet(&[0x1B, 0, 0, 0, 2]).1, 0x51);
    assert_eq!(bench.sense(), (5, 0x53, 2));
    bench.packet(&[0x1E, 0, 0, 0, 0]);

    assert_eq!(bench.packet(&[0x1B, 0, 0, 0, 2]).1, 0x50);
    assert_eq!(event(&mut bench)[4..6], [3, 1]);
    assert_eq!(bench.packet(&[0x28, 0, 0, 0, 0, 0, 0, 0, 1]).2, 0x24);
    assert_eq!(bench.sense(), (2, 0x3A, 0));

    bench.disc().change_disc(Some(ByteVolume::new(vec![1; 4096])));
    assert_eq!(bench.packet(&[0x00]).2, 0x64, "attention");
    assert_eq!(bench.sense(), (6, 0x28, 0));
    assert_eq!(event(&mut bench)[4..6], [2, 2]);
    assert_eq!(bench.packet(&[0x25]).0[3], 1);
}

#[test]
fn a_drive_without_a_disc_or_with_an_empty_one_is_not_ready() {
    for disc in [None, Some(ByteVolume::new(vec![0; 2047]))] {
        let mut bench = Bench::with_drives(vec![None, Some(Drive::cd_rom(disc))]);
        for packet in
            [&[0x00][..], &[0x25], &[0x43, 0, 0, 0, 0, 0, 0, 0, 0xFF], &[0x28, 0, 0, 0, 0, 0, 0, 0, 1]]
        {
            assert_eq!(bench.packet(packet), (vec![], 0x51, 0x24));
        }
        assert_eq!(bench.sense(), (2, 0x3A, 0));
        assert_eq!(bench.packet(&[0x46, 0, 0, 0, 0, 0, 0, 0, 8]).0[6..8], [0, 0]);
    }
}

#[test]
fn a_device_reset_ends_a_packet_command() {
    let mut bench = Bench::new();
    bench.send_packet(&[0x28, 0, 0, 0, 0, 0, 0, 0, 4], 2048, 0);
    bench.read_data(100);
    bench.put(7, ata::DEVICE_RESET);

    assert_eq!((bench.get(7), bench.get(4), bench.get(5)), (0, 0x14, 0xEB));
    assert_eq!(bench.packet(&[0x00]).1, 0x50);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_packet_ends(packet in prop::array::uniform12(any::<u8>()), code in 0u8..32, limit in 1u16..0xFFFF) {
        let mut bench = Bench::new();
        let codes = [0x00, 0x03, 0x12, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x2B, 0x42, 0x43, 0x46, 0x4A, 0x51, 0x52, 0x5A, 0xA8, 0xBB, 0xBD, 0xBE];
        let mut packet = packet;
        if let Some(code) = codes.get(usize::from(code)) {
            packet[0] = *code;
        }
        if matches!(packet[0], 0x15 | 0x55) {
            return Ok(());
        }
        // A read of no more than 255 blocks, so that the words can be counted.
        (packet[6], packet[7]) = (0, 0);
        let (_, status, _) = bench.packet_with(&packet, limit.max(200));
        prop_assert!(matches!(status, 0x50 | 0x51));
        bench.input(0x10, 0, AccessSize::Word);
    }
}
