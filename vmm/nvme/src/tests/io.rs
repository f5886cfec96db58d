//! Blocks in and out.

use super::bench::{BLOCKS, Bench, DATA, LISTS, Request, blocks, pattern};
use alloc::{vec, vec::Vec};
use proptest::prelude::*;
use vmm_bus::volume::Access;

const DNR: u16 = 1 << 14;
const FLUSH: u8 = 0;
const WRITE: u8 = 1;
const READ: u8 = 2;
const COMPARE: u8 = 5;
const WRITE_ZEROES: u8 = 8;
const DATASET: u8 = 9;

/// Writes a list of pages in reverse order and returns the request with it, and where each page is.
fn scattered(bench: &mut Bench, opcode: u8, first: u64, count: u32) -> (Request, Vec<u64>) {
    let pages = u64::from(count).div_ceil(8);
    let places: Vec<u64> = (0..pages).map(|page| DATA + (pages - 1 - page) * 4096).collect();
    for (index, place) in places.iter().skip(1).enumerate() {
        bench.poke(LISTS + index as u64 * 8, &place.to_le_bytes());
    }
    let request = blocks(opcode, first, count, 0);
    (Request { pages: (places[0], LISTS), ..request }, places)
}

#[test]
fn one_page_two_pages_and_a_list_are_read() {
    let mut bench = Bench::new();
    let expected = pattern(BLOCKS);
    for (count, data) in [(1, DATA), (8, DATA), (7, DATA + 0x800), (16, DATA), (9, DATA + 0xE00)] {
        assert_eq!(bench.io(blocks(READ, 5, count, data)).status, 0);
        let bytes = count as usize * 512;
        assert_eq!(bench.peek(data, bytes), expected[5 * 512..5 * 512 + bytes], "{count} blocks");
    }
    let (request, places) = scattered(&mut bench, READ, 100, 1024);
    assert_eq!(bench.io(request).status, 0);
    for (page, place) in places.iter().enumerate() {
        let first = 100 * 512 + page * 4096;
        assert_eq!(bench.peek(*place, 4096), expected[first..first + 4096]);
    }
}

#[test]
fn a_list_goes_on_in_another_page() {
    let mut bench = Bench::new();
    // The first list has room for three entries, the third of which leads on.
    let first_list = LISTS + 4096 - 24;
    for (at, page) in [
        (first_list, DATA + 0x1000),
        (first_list + 8, DATA + 0x2000),
        (first_list + 16, LISTS + 0x1000),
        (LISTS + 0x1000, DATA + 0x3000),
        (LISTS + 0x1008, DATA + 0x4000),
    ] {
        bench.poke(at, &page.to_le_bytes());
    }
    let request = Request { pages: (DATA, first_list), ..blocks(READ, 0, 40, 0) };

    assert_eq!(bench.io(request).status, 0);

    assert_eq!(bench.peek(DATA, 40 * 512), pattern(40));
}

#[test]
fn what_is_written_compares_equal_and_what_was_not_does_not() {
    let mut bench = Bench::new();
    bench.poke(DATA, &[0x5A; 4096]);
    assert_eq!(bench.io(blocks(COMPARE, 9, 8, DATA)).status, 0x285 | DNR);
    assert_eq!(bench.io(blocks(WRITE, 9, 8, DATA)).status, 0);
    assert_eq!(bench.io(blocks(COMPARE, 9, 8, DATA)).status, 0);
    assert_eq!(bench.content()[9 * 512..17 * 512], [0x5A; 4096]);
    assert_eq!(bench.content()[..9 * 512], pattern(9));
    for namespace in [1, u32::MAX] {
        assert_eq!(bench.io(Request { opcode: FLUSH, namespace, ..Request::default() }).status, 0);
    }
}

#[test]
fn zeroing_much_is_continued_and_survives_a_move() {
    let mut bench = Bench::new();
    bench.submit(1, blocks(WRITE_ZEROES, 1, 8000, 0));
    bench.submit(1, blocks(READ, 8000, 8, DATA));
    bench.ring(1);
    assert_eq!(bench.take(1), None, "4 MB take more than one call");

    let mut twin = bench.twin();
    twin.settle();

    assert_eq!((twin.take(1).map(|answer| answer.status), twin.take(1).is_some()), (Some(0), true));
    assert_eq!(twin.content()[..512], pattern(1));
    assert!(twin.content()[512..8001 * 512].iter().all(|byte| *byte == 0));
    assert_eq!(twin.content()[8001 * 512..], pattern(BLOCKS)[8001 * 512..]);
    assert_eq!(twin.peek(DATA, 512), [0; 512], "in the order of the queue");
}

#[test]
fn ranges_are_deallocated_if_they_exist() {
    let mut bench = Bench::new();
    let range = |first: u64, count: u32| (u128::from(first) << 64 | u128::from(count) << 32).to_le_bytes();
    bench.poke(DATA, &range(100, 8));
    bench.poke(DATA + 16, &range(BLOCKS - 1, 1));
    let request = |ranges: u32| Request {
        opcode: DATASET,
        namespace: 1,
        pages: (DATA, 0),
        dwords: [ranges - 1, 4, 0, 0, 0, 0],
    };
    assert_eq!(bench.io(request(2)).status, 0);
    bench.poke(DATA + 16, &range(BLOCKS, 1));
    assert_eq!(bench.io(request(2)).status, 0x80 | DNR);
    assert_eq!(bench.io(request(1)).status, 0);
}

#[test]
fn blocks_behind_the_end_too_many_and_other_namespaces_are_refused() {
    let mut bench = Bench::new();
    for (request, code) in [
        (blocks(READ, BLOCKS, 1, DATA), 0x80),
        (blocks(READ, u64::MAX, 2, DATA), 0x80),
        (blocks(WRITE, BLOCKS - 1, 2, DATA), 0x80),
        (blocks(WRITE_ZEROES, BLOCKS - 1, 2, DATA), 0x80),
        (blocks(READ, 0, 1025, DATA), 0x02),
        (Request { namespace: 2, ..blocks(READ, 0, 1, DATA) }, 0x0B),
        (Request { namespace: u32::MAX, ..blocks(READ, 0, 1, DATA) }, 0x0B),
        (blocks(0x7F, 0, 1, DATA), 0x01),
    ] {
        assert_eq!(bench.io(request).status, code | DNR);
    }
    assert_eq!(bench.content(), pattern(BLOCKS));
}

#[test]
fn a_read_only_namespace_says_so_and_stays_as_it_is() {
    let mut bench = Bench::untouched(Access::ReadOnly);
    bench.enable();
    bench.create_pair(1);
    let dataset = Request { opcode: DATASET, namespace: 1, pages: (DATA, 0), dwords: [0, 4, 0, 0, 0, 0] };
    for request in [blocks(WRITE, 0, 1, DATA), blocks(WRITE_ZEROES, 0, 1, 0), dataset] {
        assert_eq!(bench.io(request).status, 0x20 | DNR);
    }
    assert_eq!(bench.io(blocks(READ, 0, 1, DATA)).status, 0);
    let identify = Request { opcode: 6, namespace: 1, pages: (DATA, 0), ..Request::default() };
    bench.admin(identify);
    assert_eq!(bench.peek(DATA + 99, 1), [1]);
    assert_eq!(bench.content(), pattern(BLOCKS));
}

#[test]
fn many_commands_at_once_are_all_done() {
    let mut bench = Bench::new();
    for queue in 2..=6 {
        bench.create_pair(queue);
    }
    for queue in 1..=6u16 {
        for index in 0..12u64 {
            let data = DATA + u64::from(queue) * 0x2_0000 + index * 0x1000;
            bench.submit(queue, blocks(READ, u64::from(queue) * 100 + index * 8, 8, data));
        }
    }
    for queue in 1..=6 {
        bench.ring(queue);
    }
    bench.settle();
    for queue in 1..=6 {
        assert_eq!((0..20).map_while(|_| bench.take(queue)).filter(|answer| answer.status == 0).count(), 12);
        let data = bench.peek(DATA + u64::from(queue) * 0x2_0000, 12 * 4096);
        let first = usize::from(queue) * 100 * 512;
        assert_eq!(data, pattern(BLOCKS)[first..first + 12 * 4096]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_disk_holds_what_a_model_holds(
        steps in prop::collection::vec((0u8..4, 0u64..8300, 1u32..600, any::<u8>(), any::<bool>()), 1..16),
    ) {
        let mut bench = Bench::new();
        let mut model = pattern(BLOCKS);
        for (kind, first, count, value, moves) in steps {
            let bytes = count as usize * 512;
            let place = first as usize * 512..first as usize * 512 + bytes;
            let fits = place.end <= model.len();
            let opcode = [READ, WRITE, WRITE_ZEROES, COMPARE][usize::from(kind)];
            let (request, places) = scattered(&mut bench, opcode, first, count);
            let request = match places.get(1) {
                Some(second) if places.len() == 2 => Request { pages: (places[0], *second), ..request },
                _ => request,
            };
            for place in &places {
                bench.poke(*place, &[value; 4096]);
            }
            let status = bench.io(request).status;
            if !fits {
                prop_assert_eq!(status, 0x80 | DNR);
                continue;
            }
            let data = vec![value; bytes];
            let expected = if kind == 3 && model[place.clone()] != data { 0x285 | DNR } else { 0 };
            prop_assert_eq!(status, expected);
            match kind {
                0 => {
                    let read: Vec<u8> = places.iter().flat_map(|place| bench.peek(*place, 4096)).collect();
                    prop_assert_eq!(&read[..bytes], &model[place]);
                }
                1 => model[place].fill(value),
                2 => model[place].fill(0),
                _ => {}
            }
            if moves {
                bench = bench.twin();
            }
        }
        prop_assert_eq!(bench.content(), &model[..]);
    }
}
