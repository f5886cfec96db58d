//! Registers, admin commands, queues.

use super::bench::{Answer, BLOCKS, Bench, DATA, ENTRIES, IDENTIFY, Request, blocks};
use alloc::{vec, vec::Vec};
use vmm_bus::{AccessSize, Device, volume::Access};

const DNR: u16 = 1 << 14;

fn identify(kind: u32, namespace: u32) -> Request {
    Request { opcode: 6, namespace, pages: (IDENTIFY, 0), dwords: [kind, 0, 0, 0, 0, 0] }
}

fn with_dwords(opcode: u8, ten: u32, eleven: u32) -> Request {
    Request { opcode, pages: (IDENTIFY, 0), dwords: [ten, eleven, 0, 0, 0, 0], ..Request::default() }
}

#[test]
fn a_driver_finds_a_controller_of_its_class() {
    let mut bench = Bench::untouched(Access::ReadWrite);
    let config =
        |bench: &mut Bench, at| bench.with(|nvme, context| nvme.config_read(at, AccessSize::Dword, context));

    assert_eq!(config(&mut bench, 8) >> 8, 0x01_08_02);
    assert_eq!(config(&mut bench, 0), 0x0010_1B36);
    assert_eq!((bench.read(0) & 0xFFFF, bench.read(4) & 0x20, bench.read(8)), (1023, 0x20, 0x1_0400));
    assert_eq!(bench.with(|nvme, context| nvme.read(FIRST, 0, AccessSize::Qword, context)) >> 37 & 1, 1);
    assert_eq!(bench.read(0x1C), 0);
}

const FIRST: vmm_bus::Region = vmm_bus::Region(0);

#[test]
fn the_controller_and_its_namespace_describe_themselves() {
    let mut bench = Bench::new();
    assert_eq!(bench.admin(identify(1, 0)).status, 0);
    let data = bench.peek(IDENTIFY, 4096);
    assert_eq!(data[4..24].trim_ascii_end(), b"serial-1");
    assert_eq!(data[24..64].trim_ascii_end(), b"Corten NVMe disk");
    assert_eq!((data[77], data[512], data[513], data[516]), (7, 0x66, 0x44, 1));
    assert!(data[768..].starts_with(b"nqn.2026-01.local.corten:serial-1\0"));

    assert_eq!(bench.admin(identify(0, 1)).status, 0);
    let data = bench.peek(IDENTIFY, 4096);
    assert_eq!(u64::from_le_bytes(data[..8].try_into().unwrap()), BLOCKS);
    assert_eq!((data[130], data[26]), (9, 0));
    let unique = data[120..128].to_vec();

    assert_eq!(bench.admin(identify(2, 0)).status, 0);
    assert_eq!(bench.peek(IDENTIFY, 8), [1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bench.admin(identify(2, 1)).status, 0);
    assert_eq!(bench.peek(IDENTIFY, 4), [0; 4]);
    assert_eq!(bench.admin(identify(3, 1)).status, 0);
    assert_eq!(bench.peek(IDENTIFY, 4), [1, 8, 0, 0]);
    assert_eq!(bench.peek(IDENTIFY + 4, 8), unique);
    assert_eq!(bench.admin(identify(0, 2)).status, 0x0B | DNR);
    assert_eq!(bench.admin(identify(0x77, 0)).status, 0x02 | DNR);
}

#[test]
fn what_is_wrong_with_a_queue_is_said() {
    let mut bench = Bench::new();
    let size = u32::from(ENTRIES - 1) << 16;
    let create = |opcode, ten, eleven, page| Request {
        opcode,
        pages: (page, 0),
        dwords: [ten, eleven, 0, 0, 0, 0],
        ..Request::default()
    };
    let cases = [
        (create(5, size, 1, 0x6000), 0x101),
        (create(5, size | 17, 1, 0x6000), 0x101),
        (create(5, size | 1, 1, 0x6000), 0x101),
        (create(5, 2, 1, 0x6000), 0x102),
        (create(5, 1024 << 16 | 2, 1, 0x6000), 0x102),
        (create(5, 0xFFFF << 16 | 2, 1, 0x6000), 0x102),
        (create(5, size | 2, 0, 0x6000), 0x002),
        (create(5, size | 2, 1, 0x6010), 0x013),
        (create(5, size | 2, 17 << 16 | 3, 0x6000), 0x108),
        (create(1, size | 2, 2 << 16 | 1, 0x6000), 0x100),
        (create(1, size | 2, 1, 0x6000), 0x100),
        (create(1, size | 1, 1 << 16 | 1, 0x6000), 0x101),
        (create(4, 1, 0, 0), 0x10C),
        (create(4, 2, 0, 0), 0x101),
        (create(4, 0, 0, 0), 0x101),
        (create(0, 0, 0, 0), 0x101),
        (create(0, 2, 0, 0), 0x101),
        (create(0x55, 0, 0, 0), 0x001),
    ];
    for (index, (request, code)) in cases.into_iter().enumerate() {
        assert_eq!(bench.admin(request).status, code | DNR, "case {index}");
    }
    assert_eq!(bench.admin(create(0, 1, 0, 0)).status, 0);
    assert_eq!(bench.admin(create(4, 1, 0, 0)).status, 0);
}

#[test]
fn features_are_kept_and_the_number_of_queues_is_told() {
    let mut bench = Bench::untouched(Access::ReadWrite);
    bench.enable();
    assert_eq!(bench.admin(with_dwords(9, 7, 3 << 16 | 3)).result, 15 << 16 | 15);
    assert_eq!(bench.admin(with_dwords(0xA, 6, 0)).result, 1);
    assert_eq!(bench.admin(with_dwords(9, 6, 0)).status, 0);
    assert_eq!(bench.admin(with_dwords(0xA, 6, 0)).result, 0);
    assert_eq!(bench.admin(with_dwords(0xA, 6 | 1 << 8, 0)).result, 1, "the default");
    assert_eq!(bench.admin(with_dwords(0xA, 6 | 3 << 8, 0)).result, 4, "can be changed");
    assert_eq!(bench.admin(with_dwords(9, 6 | 1 << 31, 0)).status, 0x10D | DNR);
    assert_eq!(bench.admin(with_dwords(9, 0x7F, 0)).status, 2 | DNR);
    bench.create_pair(1);
    assert_eq!(bench.admin(with_dwords(9, 7, 1 << 16 | 1)).status, 0x0C | DNR, "there are queues");
}

#[test]
fn logs_are_read_in_part_and_no_further() {
    let mut bench = Bench::new();
    bench.io(blocks(2, 0, 8, DATA));
    let log = |page: u32, dwords: u32, offset: u32| Request {
        opcode: 2,
        namespace: u32::MAX,
        pages: (IDENTIFY, 0),
        dwords: [page | (dwords - 1) << 16, 0, offset, 0, 0, 0],
    };
    assert_eq!(bench.admin(log(2, 128, 0)).status, 0);
    let health = bench.peek(IDENTIFY, 512);
    assert_eq!((health[0], health[3], health[32], health[64]), (0, 100, 1, 1));
    assert_eq!(bench.admin(log(2, 2, 32)).status, 0);
    assert_eq!(bench.peek(IDENTIFY, 1), [1]);
    assert_eq!(bench.admin(log(3, 128, 0)).status, 0);
    assert_eq!(bench.admin(log(2, 2, 516)).status, 2 | DNR);
    assert_eq!(bench.admin(log(0xC0, 128, 0)).status, 0x109 | DNR);
}

#[test]
fn a_bad_doorbell_is_an_event_and_told_once_until_the_log_is_read() {
    let mut bench = Bench::new();
    let request = Request { opcode: 0x0C, ..Request::default() };
    let first = bench.submit(0, request);
    bench.ring(0);
    let second = bench.submit(0, request);
    bench.ring(0);
    assert_eq!(bench.take(0), None);

    bench.write(0x1008, u32::from(ENTRIES));
    bench.write(0x1000 + 8 * 9, 0);

    assert_eq!(bench.take(0), Some(Answer { result: 0x1_0100, status: 0, id: first }));
    assert_eq!(bench.take(0), None);
    bench.acknowledge(0);
    bench.admin(with_dwords(2, 1 | 15 << 16, 0));
    bench.write(0x1000 + 8 * 9, 0);
    assert_eq!(bench.take(0), Some(Answer { result: 0x1_0000, status: 0, id: second }));
}

#[test]
fn a_waiting_request_for_events_can_be_aborted_and_five_cannot_wait() {
    let mut bench = Bench::new();
    let request = Request { opcode: 0x0C, ..Request::default() };
    let ids: Vec<u16> = (0..4).map(|_| bench.submit(0, request)).collect();
    bench.ring(0);
    assert_eq!(bench.admin(request).status, 0x105 | DNR);
    let abort = |id: u16| with_dwords(8, u32::from(id) << 16, 0);
    assert_eq!(bench.admin(abort(999)).result, 1);

    bench.submit(0, abort(ids[2]));
    bench.ring(0);

    assert_eq!(bench.take(0), Some(Answer { result: 0, status: 7, id: ids[2] }));
    assert_eq!(bench.take(0).map(|answer| answer.result), Some(0));
}

#[test]
fn disabling_forgets_queues_and_shutdown_is_acknowledged() {
    let mut bench = Bench::new();
    bench.write(0x14, 0x0046_4001);
    assert_eq!(bench.read(0x1C) & 0xC, 8);
    bench.write(0x14, 0x0046_0000);
    assert_eq!((bench.read(0x1C), bench.read(0x28)), (0, 0x1000));

    bench.enable();
    bench.create_pair(1);
    assert_eq!(bench.io(blocks(2, 0, 1, DATA)).status, 0);
}

#[test]
fn the_pin_is_high_while_a_completion_waits_and_can_be_masked() {
    let mut bench = Bench::new();
    let is_high = |bench: &mut Bench| {
        bench.with(|nvme, context| nvme.config_read(6, AccessSize::Word, context)) & 8 != 0
    };
    bench.submit(1, blocks(2, 0, 1, DATA));
    bench.ring(1);
    assert!(is_high(&mut bench));
    bench.write(0x0C, 1 << 1);
    assert!(!is_high(&mut bench));
    bench.write(0x10, 1 << 1);
    assert!(is_high(&mut bench));
    bench.take(1);
    bench.acknowledge(1);
    assert!(!is_high(&mut bench));
}

#[test]
fn each_queue_has_its_message() {
    let mut bench = Bench::new();
    bench.create_pair(3);
    bench.with(|nvme, context| nvme.config_write(0x42, AccessSize::Word, 0x8000, context));
    for vector in [1u32, 3] {
        bench.write(0x2000 + u64::from(vector) * 16 + 8, 0x40 + vector);
        bench.write(0x2000 + u64::from(vector) * 16 + 12, 0);
    }
    bench.effects.drain_messages();

    bench.run(3, blocks(2, 0, 1, DATA));
    bench.run(1, blocks(2, 0, 1, DATA));

    let sent: Vec<u32> = bench.effects.drain_messages().map(|message| message.data).collect();
    assert_eq!(sent, vec![0x43, 0x41]);
}

#[test]
fn a_full_completion_queue_holds_commands_back() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        for _ in 0..10 {
            bench.submit(1, blocks(2, 0, 1, DATA));
        }
        bench.ring(1);
    }
    let taken = (0..30).map_while(|_| bench.take(1)).count();
    assert_eq!(taken, 15, "one entry stays empty");

    bench.acknowledge(1);

    assert_eq!((0..30).map_while(|_| bench.take(1)).count(), 5);
}

#[test]
fn a_state_of_another_disk_is_refused() {
    let saved = Bench::new().nvme.save();
    assert!(Bench::untouched(Access::ReadOnly).nvme.restore(saved.as_saved()).is_err());
}
