//! A CD-ROM drive behind the controller.

use super::bench::{Bench, Command, DATA, DHRS, FRAMES, IS, SIG, TFD, pattern};
use crate::Drive;
use alloc::vec;
use spec::ata::command as ata;
use vmm_bus::ByteVolume;

fn bench(blocks: usize) -> Bench {
    let disc = ByteVolume::new(pattern(blocks * 4));
    let mut bench = Bench::untouched(vec![Some(Drive::cd_rom(Some(disc)))]);
    bench.set_up();
    bench
}

fn packet(bytes: &[u8], feature: u16) -> Command {
    let mut packet = [0; 12];
    packet[..bytes.len()].copy_from_slice(bytes);
    Command { code: ata::PACKET, feature, lba: 0xFFFE00, packet: Some(packet), ..Command::default() }
}

#[test]
fn the_signature_says_packets() {
    let mut bench = bench(4);

    assert_eq!((bench.read(SIG), bench.read(TFD) & 0xFF), (0xEB14_0101, 0));
    assert_eq!(bench.run(Command { code: ata::IDENTIFY, ..Command::default() }, &[(DATA, 512)]), (0x51, 4));
    bench.restart();
    let identify = Command { code: ata::IDENTIFY_PACKET, ..Command::default() };
    assert_eq!(bench.run(identify, &[(DATA, 512)]), (0x50, 0));
    assert_eq!(bench.peek(DATA, 2), [0xC0, 0x85]);
}

#[test]
fn blocks_are_read_with_and_without_dma() {
    let mut bench = bench(64);
    for feature in [0, 1] {
        bench.poke(DATA, &vec![0; 0x10000]);
        let read = packet(&[0x28, 0, 0, 0, 0, 5, 0, 0, 32], feature);

        assert_eq!(bench.run(read, &[(DATA, 0x8000), (DATA + 0x8000, 0x8000)]), (0x50, 0));

        assert_eq!(bench.peek(DATA, 0x10000), pattern(64 * 4)[5 * 2048..37 * 2048]);
        assert_eq!(bench.moved(0), 0x10000);
        assert_eq!(bench.read(IS) & DHRS, DHRS, "packet commands always end with the registers");
        assert_eq!(bench.peek(FRAMES + 0x40, 3), [0x34, 0x40, 0x50]);
    }
}

#[test]
fn a_failure_leaves_its_reason() {
    let mut bench = bench(4);
    assert_eq!(bench.run(packet(&[0x28, 0, 0, 0, 0, 4, 0, 0, 1], 1), &[(DATA, 2048)]), (0x51, 0x54));
    bench.restart();

    assert_eq!(bench.run(packet(&[3, 0, 0, 0, 18], 0), &[(DATA, 18)]), (0x50, 0));

    let sense = bench.peek(DATA, 18);
    assert_eq!((sense[2], sense[12], sense[13]), (5, 0x21, 0));
}
