//! Drivers that mean harm.

use super::bench::{ASQ, Bench, DATA, LISTS, QUEUES, RAM, Request, blocks, pattern};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Device, volume::Access};

const DNR: u16 = 1 << 14;

#[test]
fn pages_that_are_crooked_or_no_memory_fail_the_command() {
    let mut bench = Bench::new();
    let outside = RAM as u64;
    let list = |bench: &mut Bench, entries: [u64; 2]| {
        for (index, entry) in entries.into_iter().enumerate() {
            bench.poke(LISTS + index as u64 * 8, &entry.to_le_bytes());
        }
    };
    let read = |count, first, second| Request { pages: (first, second), ..blocks(2, 0, count, 0) };
    for (request, entries, code) in [
        (read(1, DATA + 1, 0), [0; 2], 0x13),
        (read(1, outside, 0), [0; 2], 0x04),
        (read(1, u64::MAX - 3, 0), [0; 2], 0x04),
        (read(16, DATA, DATA + 8), [0; 2], 0x13),
        (read(24, DATA, LISTS + 4), [0; 2], 0x13),
        (read(24, DATA, outside), [0; 2], 0x04),
        (read(24, DATA, LISTS), [DATA, DATA + 8], 0x13),
        (read(24, DATA, LISTS), [DATA, outside], 0x04),
        (read(24, DATA, u64::MAX - 7), [0; 2], 0x04),
    ] {
        list(&mut bench, entries);
        assert_eq!(bench.io(request).status, code | DNR, "{request:x?}", request = request.pages);
    }
    // A list whose last entry leads to itself, with room for that entry alone.
    let last = LISTS + 4096 - 8;
    bench.poke(last, &last.to_le_bytes());
    assert_eq!(bench.io(read(24, DATA, last)).status, 0x13 | DNR);
    assert_eq!(bench.content(), pattern(super::bench::BLOCKS));
}

#[test]
fn fused_commands_and_other_descriptions_of_data_are_refused() {
    let mut bench = Bench::new();
    for flags in [1u8, 2, 0x40, 0x80] {
        let id = bench.submit(1, blocks(2, 0, 1, DATA));
        let tail = u64::from(bench.rings[1].tail) - 1;
        bench.poke(QUEUES + 0x2000 + tail * 64 + 1, &[flags]);
        bench.ring(1);
        let answer = bench.take(1).map(|answer| (answer.id, answer.status));
        assert_eq!(answer, Some((id, 2 | DNR)));
        bench.acknowledge(1);
    }
}

#[test]
fn queues_outside_of_memory_are_a_fatal_error_until_the_controller_is_reset() {
    for register in [0x28, 0x30] {
        let mut bench = Bench::new();
        bench.write(0x14, 0);
        bench.write(0x24, 15 << 16 | 15);
        bench.write(register, RAM as u32);
        bench.write(0x14, 0x0046_0001);
        assert_eq!(bench.read(0x1C), 1);
        bench.poke(ASQ, &[6]);
        bench.write(0x1000, 1);

        assert_eq!(bench.read(0x1C), 3);
        bench.write(0x1000, 2);
        bench.write(0x14, 0);
        assert_eq!(bench.read(0x1C), 0);
        bench.enable();
        bench.create_pair(1);
        assert_eq!(bench.io(blocks(2, 0, 1, DATA)).status, 0);
    }
}

#[test]
fn an_impossible_configuration_is_a_fatal_error() {
    for (sizes, configuration) in
        [(0, 0x0046_0001), (15 << 16 | 15, 0x0046_0081), (15 << 16 | 15, 0x0046_0011), (15, 0x0046_0001)]
    {
        let mut bench = Bench::untouched(Access::ReadWrite);
        bench.write(0x24, sizes);
        bench.write(0x14, configuration);
        assert_eq!(bench.read(0x1C), 2);
    }
}

#[test]
fn nothing_happens_without_bus_mastering() {
    let mut bench = Bench::new();
    bench.with(|nvme, context| nvme.config_write(4, AccessSize::Word, 2, context));
    bench.submit(1, blocks(2, 0, 1, DATA));
    bench.ring(1);
    assert_eq!(bench.take(1), None);

    bench.with(|nvme, context| nvme.config_write(4, AccessSize::Word, 6, context));

    assert_eq!(bench.take(1).map(|answer| answer.status), Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_sequence_of_accesses_and_commands_breaks_the_controller(
        steps in prop::collection::vec((0u8..8, 0u64..0x40, any::<u64>(), any::<u32>()), 0..120),
    ) {
        let mut bench = Bench::new();
        for (kind, at, value, more) in steps {
            match kind {
                0 => bench.write(at * 4, value as u32),
                1 => bench.write(0x1000 + at, value as u32 & 0xF),
                2 => bench.poke(ASQ + at * 16, &value.to_le_bytes()),
                3 => bench.poke(QUEUES + 0x2000 + at * 16, &value.to_le_bytes()),
                4 | 5 => {
                    let opcodes = [0, 1, 2, 4, 5, 6, 8, 9, 0xA, 0xC, 0x7C];
                    let request = Request {
                        opcode: opcodes[(value % 11) as usize],
                        namespace: (more & 3) % 3,
                        pages: (value >> 8 & 0x3F_F000, (value >> 32 & 0x3FF) << 12),
                        dwords: [more & 0xF_001F, more >> 8, at as u32 * 64, 0, 0, 0],
                    };
                    let queue = u16::from(kind == 4);
                    bench.submit(queue, request);
                    bench.ring(queue);
                }
                6 => { bench.take((at & 1) as u16); bench.acknowledge((at & 1) as u16); }
                _ => { bench.read(at * 4); }
            }
            bench.with(|nvme, context| nvme.advance(context));
            bench.effects.drain_messages();
        }
        bench.twin();
    }
}
