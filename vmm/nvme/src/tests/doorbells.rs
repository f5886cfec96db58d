//! Doorbells in memory.

use super::bench::{Bench, DATA, ENTRIES, Request, blocks, pattern};
use alloc::{vec, vec::Vec};
use vmm_bus::{AccessSize, Attention, Device};

const BELLS: u64 = 0xA000;
const EVENTS: u64 = 0xB000;
const BAR: u64 = 0x1_2345_0000;

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.with(|nvme, context| {
        nvme.config_write(0x10, AccessSize::Dword, BAR as u32, context);
        nvme.config_write(0x14, AccessSize::Dword, (BAR >> 32) as u32, context);
    });
    let request = Request { opcode: 0x7C, pages: (BELLS, EVENTS), ..Request::default() };
    bench.effects.take_attention();
    assert_eq!(bench.admin(request).status, 0);
    assert!(bench.effects.attention().contains(Attention::WINDOWS));
    bench
}

fn bells(bench: &Bench) -> Vec<(u64, u16)> {
    let mut bells = vec![];
    bench.nvme.doorbells(&mut |doorbell| bells.push((doorbell.address.raw(), doorbell.queue)));
    bells
}

fn dword(bench: &Bench, at: u64) -> u32 {
    u32::from_le_bytes(bench.peek(at, 4).try_into().unwrap())
}

#[test]
fn doorbells_can_be_events_once_their_values_are_in_memory() {
    let mut bench = bench();
    assert_eq!(bells(&bench), [(BAR + 0x1008, 1)]);
    bench.create_pair(2);
    assert_eq!(bells(&bench), [(BAR + 0x1008, 1), (BAR + 0x1010, 2)]);

    bench.write(0x14, 0);

    assert_eq!(bells(&bench), []);
}

#[test]
fn a_notification_finds_commands_by_the_value_in_memory() {
    let mut bench = bench();
    for turn in 1..40u32 {
        bench.submit(1, blocks(2, u64::from(turn), 1, DATA));
        let tail = u32::from(bench.rings[1].tail);
        bench.poke(BELLS + 8, &tail.to_le_bytes());

        bench.with(|nvme, context| nvme.notify(1, context));

        assert_eq!(bench.take(1).map(|answer| answer.status), Some(0), "turn {turn}");
        assert_eq!(bench.peek(DATA, 512), pattern(64)[turn as usize * 512..][..512]);
        assert_eq!(dword(&bench, EVENTS + 8), tail, "the next command is to be told");
        let head = u32::from(bench.rings[1].head);
        bench.poke(BELLS + 12, &head.to_le_bytes());
        if turn == 20 {
            bench = bench.twin();
        }
    }
}

#[test]
fn a_full_completion_queue_asks_to_be_told() {
    let mut bench = bench();
    // With MSI-X no pin waits for the head.
    bench.with(|nvme, context| nvme.config_write(0x42, AccessSize::Word, 0x8000, context));
    bench.poke(EVENTS + 12, &77u32.to_le_bytes());
    for _ in 0..2 {
        for _ in 0..10 {
            bench.submit(1, blocks(2, 0, 1, DATA));
        }
        let tail = u32::from(bench.rings[1].tail);
        bench.poke(BELLS + 8, &tail.to_le_bytes());
        bench.with(|nvme, context| nvme.notify(1, context));
    }
    assert_eq!(dword(&bench, EVENTS + 12), 0);
    assert_eq!((0..30).map_while(|_| bench.take(1)).count(), usize::from(ENTRIES) - 1);

    let head = u32::from(bench.rings[1].head);
    bench.poke(BELLS + 12, &head.to_le_bytes());
    bench.acknowledge(1);

    assert_eq!((0..30).map_while(|_| bench.take(1)).count(), 5);
}

#[test]
fn with_the_pin_every_head_is_to_be_told() {
    let mut bench = bench();
    for turn in 0..3u32 {
        bench.submit(1, blocks(2, 0, 1, DATA));
        bench.poke(BELLS + 8, &u32::from(bench.rings[1].tail).to_le_bytes());
        bench.with(|nvme, context| nvme.notify(1, context));
        assert_eq!(dword(&bench, EVENTS + 12), turn);
        bench.take(1);
        bench.acknowledge(1);
    }
}

#[test]
fn nonsense_in_memory_is_ignored() {
    let mut bench = bench();
    for value in [u32::from(ENTRIES), u32::MAX] {
        bench.poke(BELLS + 8, &value.to_le_bytes());
        bench.with(|nvme, context| nvme.notify(1, context));
    }
    assert_eq!((bench.take(1), bench.read(0x1C)), (None, 1));
    for pages in [(BELLS + 8, EVENTS), (BELLS, super::bench::RAM as u64)] {
        let request = Request { opcode: 0x7C, pages, ..Request::default() };
        assert_eq!(bench.admin(request).status, 2 | 1 << 14);
    }
}
