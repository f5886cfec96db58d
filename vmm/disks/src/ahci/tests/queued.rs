//! Native command queuing.

use super::bench::{Bench, CI, Command, DATA, FRAMES, IS, SACT, SDBS, TFD, TFES, pattern};
use spec::ata::command as ata;

fn queued(code: u8, tag: u16, lba: u64, count: u16) -> Command {
    Command { feature: count, count: tag << 3, ..Command::dma(code, lba, 0) }
}

#[test]
fn queued_reads_and_writes_finish_with_their_tags() {
    let mut bench = Bench::new();
    bench.poke(DATA + 0x1000, &[0xAB; 1024]);
    bench.prepare(3, &queued(ata::WRITE_QUEUED, 3, 10, 2), &[(DATA + 0x1000, 1024)]);
    bench.prepare(7, &queued(ata::READ_QUEUED, 7, 20, 2), &[(DATA, 1024)]);
    bench.write(SACT, 1 << 3 | 1 << 7);
    bench.write(CI, 1 << 3 | 1 << 7);
    bench.settle();

    assert_eq!((bench.read(SACT), bench.read(CI), bench.read(TFD)), (0, 0, 0x50));
    assert_eq!(bench.read(IS) & (SDBS | 1), SDBS);
    assert_eq!(bench.peek(DATA, 1024), pattern(22)[20 * 512..]);
    assert_eq!(bench.content()[10 * 512..12 * 512], [0xAB; 1024]);
    assert_eq!(bench.peek(FRAMES + 0x58, 8), [0xA1, 0x40, 0x50, 0, 0x80, 0, 0, 0], "the last one's tag");
}

#[test]
fn the_log_tells_which_queued_command_failed() {
    let mut bench = Bench::new();
    bench.prepare(5, &queued(ata::READ_QUEUED, 5, 4095, 2), &[(DATA, 1024)]);
    bench.write(SACT, 1 << 5);
    bench.write(CI, 1 << 5);
    assert_eq!(bench.read(IS) & TFES, TFES);
    assert_eq!(bench.read(SACT), 1 << 5);
    bench.restart();
    assert_eq!(bench.read(SACT), 0);

    let log = Command { code: ata::READ_LOG_EXT, lba: 0x10, count: 1, ..Command::default() };
    assert_eq!(bench.run(log, &[(DATA, 512)]), (0x50, 0));
    let page = bench.peek(DATA, 512);
    assert_eq!((page[0], page[2], page[3]), (5, 0x51, 0x10));
    assert_eq!(page.iter().copied().fold(0, u8::wrapping_add), 0);

    assert_eq!(bench.run(log, &[(DATA, 512)]), (0x50, 0));
    assert_eq!(bench.peek(DATA, 1), [0x80], "told once");
}

#[test]
fn a_queued_command_under_way_leaves_room_for_the_next() {
    let mut bench = Bench::new();
    bench.prepare(0, &queued(ata::READ_QUEUED, 0, 0, 4096), &[(DATA, 1 << 21)]);
    bench.write(SACT, 1);
    bench.write(CI, 1);
    assert_eq!((bench.read(SACT), bench.read(CI), bench.read(TFD)), (1, 0, 0x50));

    let mut twin = bench.twin();
    twin.settle();

    assert_eq!((twin.read(SACT), twin.read(IS) & SDBS), (0, SDBS));
    assert_eq!(twin.peek(DATA, 1 << 21), pattern(4096));
}
