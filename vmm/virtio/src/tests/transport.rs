//! What the PCI transport promises.

use crate::{
    VirtioDevice,
    testing::{Bench, Echo},
    transport::BAR_BYTES,
};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use spec::{
    pci::{BAR_FIRST, CAPABILITIES, CAPABILITY_MSIX, CAPABILITY_VENDOR, COMMAND, COMMAND_MEMORY},
    virtio::{
        COMMON_DEVICE_FEATURE, COMMON_DEVICE_FEATURE_SELECT, COMMON_GENERATION, COMMON_QUEUE_ENABLE,
        COMMON_QUEUE_RESET, COMMON_QUEUE_SELECT, COMMON_QUEUE_SIZE, COMMON_QUEUE_VECTOR, COMMON_STATUS,
        FEATURE_EVENT_INDEX, FEATURE_INDIRECT, FEATURE_PACKED, FEATURE_RING_RESET, FEATURE_VERSION_1,
        STATUS_DRIVER_OK, STATUS_FEATURES_OK, STATUS_NEEDS_RESET,
    },
};
use vmm_bus::{AccessSize, Attention, Context, Device, Doorbell, GuestMemory, Msi};

const ALL: u64 = FEATURE_PACKED | FEATURE_INDIRECT | FEATURE_EVENT_INDEX | FEATURE_RING_RESET;
const ISR: u64 = 0x1000;
const MSIX_TABLE: u64 = 0x4000;
const MSIX_PENDING: u64 = 0x6000;

fn config_read(bench: &mut Bench<Echo>, offset: u16, size: AccessSize) -> u32 {
    let mut context = Context { now: Nanos::ZERO, memory: &bench.memory, effects: &mut bench.effects };
    bench.pci.config_read(offset, size, &mut context)
}

fn config_write(bench: &mut Bench<Echo>, offset: u16, size: AccessSize, value: u32) {
    let mut context = Context { now: Nanos::ZERO, memory: &bench.memory, effects: &mut bench.effects };
    bench.pci.config_write(offset, size, value, &mut context);
}

/// Offset, id and virtio `cfg_type` of each capability.
fn capabilities(bench: &mut Bench<Echo>) -> Vec<(u16, u8, u8)> {
    let mut found = Vec::new();
    let mut place = config_read(bench, CAPABILITIES, AccessSize::Byte) as u16;
    while place != 0 && found.len() < 48 {
        let [id, next, _, kind] = config_read(bench, place, AccessSize::Dword).to_le_bytes();
        found.push((place, id, kind));
        place = u16::from(next);
    }
    found
}

fn enable_msix(bench: &mut Bench<Echo>) {
    for vector in 0..3u64 {
        bench.write(MSIX_TABLE + vector * 16, AccessSize::Dword, 0xFEE0_0000);
        bench.write(MSIX_TABLE + vector * 16 + 8, AccessSize::Dword, 0x40 + vector);
        bench.write(MSIX_TABLE + vector * 16 + 12, AccessSize::Dword, 0);
    }
    let place = capabilities(bench).iter().find(|found| found.1 == CAPABILITY_MSIX).map(|found| found.0);
    config_write(bench, place.unwrap_or(0) + 2, AccessSize::Word, 0x8000);
}

fn messages(bench: &mut Bench<Echo>) -> Vec<u32> {
    bench.effects.drain_messages().map(|message: Msi| message.data).collect()
}

#[test]
fn a_driver_finds_all_structures_by_capabilities() {
    let mut bench = Bench::untouched(Echo::default());

    let kinds: Vec<u8> = capabilities(&mut bench)
        .iter()
        .filter(|found| found.1 == CAPABILITY_VENDOR)
        .map(|found| found.2)
        .collect();

    assert_eq!(kinds, vec![1, 3, 4, 2, 5]);
    assert!(capabilities(&mut bench).iter().any(|found| found.1 == CAPABILITY_MSIX));
}

#[test]
fn the_bar_says_its_size_and_moves_the_window() {
    let mut bench = Bench::untouched(Echo::default());
    config_write(&mut bench, BAR_FIRST, AccessSize::Dword, u32::MAX);
    assert_eq!(u64::from(!(config_read(&mut bench, BAR_FIRST, AccessSize::Dword) & !0xF)) + 1, BAR_BYTES);
    assert_eq!(config_read(&mut bench, BAR_FIRST, AccessSize::Dword) & 0xF, 0b1100);

    config_write(&mut bench, BAR_FIRST, AccessSize::Dword, 0xC000_0000);
    config_write(&mut bench, BAR_FIRST + 4, AccessSize::Dword, 0x1);
    assert!(bench.pci.windows().is_empty(), "not decoded yet");
    config_write(&mut bench, COMMAND, AccessSize::Word, u32::from(COMMAND_MEMORY));

    let starts: Vec<u64> = bench.pci.windows().iter().map(|window| window.start).collect();
    assert_eq!(starts, vec![0x1_C000_0000]);
    assert!(bench.effects.attention().contains(Attention::WINDOWS));
    let mut doorbells = Vec::new();
    bench.pci.doorbells(&mut |doorbell| doorbells.push(doorbell));
    let second = Doorbell { address: Gpa::new(0x1_C000_3004), bytes: 2, queue: 1 };
    assert_eq!(doorbells.get(1), Some(&second));
}

#[test]
fn features_are_agreed_upon_only_as_a_subset_with_version_1() {
    for (features, agreed) in [
        (FEATURE_VERSION_1, true),
        (FEATURE_VERSION_1 | 1 | ALL, true),
        (1, false),
        (FEATURE_VERSION_1 | 2, false),
    ] {
        let mut bench = Bench::untouched(Echo::default());

        bench.set_up(features, 0);

        let status = bench.read(COMMON_STATUS, AccessSize::Byte) as u8;
        assert_eq!(status & STATUS_FEATURES_OK != 0, agreed, "{features:#x}");
        assert_eq!(status & STATUS_DRIVER_OK != 0, agreed);
    }
}

#[test]
fn both_halves_of_the_features_are_shown() {
    let mut bench = Bench::untouched(Echo::default());
    let mut shown = 0;
    for half in 0..3 {
        bench.write(COMMON_DEVICE_FEATURE_SELECT, AccessSize::Dword, half);
        let value = bench.read(COMMON_DEVICE_FEATURE, AccessSize::Dword);
        shown |= value.checked_shl(32 * half as u32).unwrap_or(0);
    }

    assert_eq!(shown, FEATURE_VERSION_1 | ALL | 1);
}

#[test]
fn a_request_is_echoed_in_both_formats_with_and_without_tables() {
    for features in [0, FEATURE_PACKED, FEATURE_INDIRECT, ALL] {
        let mut bench = Bench::new(Echo::default(), features, 2);

        let (answers, written) = bench.request(1, &[b"hel", b"lo"], &[1, 9]);

        assert_eq!(answers, vec![b"h".to_vec(), b"ello\0\0\0\0\0".to_vec()]);
        assert_eq!(written, 5);
    }
}

#[test]
fn without_msix_the_line_and_the_isr_tell() {
    let mut bench = Bench::new(Echo::default(), 0, 1);

    bench.request(0, &[b"x"], &[1]);

    assert!(bench.effects.attention().contains(Attention::LINES));
    assert_eq!(bench.read(ISR, AccessSize::Byte), 1);
    assert_eq!(bench.read(ISR, AccessSize::Byte), 0, "reading clears it");
}

#[test]
fn with_msix_each_queue_has_its_vector_and_masked_ones_wait() {
    let mut bench = Bench::new(Echo::default(), 0, 2);
    enable_msix(&mut bench);
    bench.request(1, &[b"x"], &[1]);
    assert_eq!(messages(&mut bench), vec![0x42]);
    assert_eq!(bench.read(ISR, AccessSize::Byte), 0);

    bench.write(MSIX_TABLE + 16 + 12, AccessSize::Dword, 1);
    bench.request(0, &[b"x"], &[1]);
    assert_eq!(messages(&mut bench), vec![]);
    assert_eq!(bench.read(MSIX_PENDING, AccessSize::Qword), 0b10);
    bench.write(MSIX_TABLE + 16 + 12, AccessSize::Dword, 0);

    assert_eq!(messages(&mut bench), vec![0x41]);
    assert_eq!(bench.read(MSIX_PENDING, AccessSize::Qword), 0);
}

#[test]
fn a_vector_that_does_not_exist_reads_back_as_none() {
    let mut bench = Bench::new(Echo::default(), 0, 1);

    bench.write(COMMON_QUEUE_VECTOR, AccessSize::Word, 3);

    assert_eq!(bench.read(COMMON_QUEUE_VECTOR, AccessSize::Word), 0xFFFF);
}

#[test]
fn a_broken_ring_stops_the_device_until_it_is_reset() {
    let mut bench = Bench::new(Echo::default(), 0, 1);
    enable_msix(&mut bench);
    let areas = *bench.queues[0].areas();
    assert_eq!(bench.memory.write_u16(Gpa::new(areas.driver.raw() + 2), 1000), Ok(()));
    bench.notify(0);
    assert_eq!(bench.read(COMMON_STATUS, AccessSize::Byte) as u8 & STATUS_NEEDS_RESET, STATUS_NEEDS_RESET);
    assert_eq!(messages(&mut bench), vec![0x40], "the configuration's vector tells");

    bench.write(COMMON_STATUS, AccessSize::Byte, 0);
    assert_eq!(bench.read(COMMON_STATUS, AccessSize::Byte), 0);
    assert_eq!(bench.memory.fill(vmm_bus::GuestRange { start: areas.descriptors, bytes: 0x3000 }, 0), Ok(()));
    bench.queues.clear();
    bench.set_up(FEATURE_VERSION_1, 1);

    assert_eq!(bench.request(0, &[b"y"], &[1]).0, vec![b"y".to_vec()]);
}

#[test]
fn a_queue_is_reset_alone() {
    let mut bench = Bench::new(Echo::default(), FEATURE_RING_RESET, 2);
    bench.write(COMMON_QUEUE_SELECT, AccessSize::Word, 0);
    bench.write(COMMON_QUEUE_RESET, AccessSize::Word, 1);

    assert_eq!(bench.read(COMMON_QUEUE_RESET, AccessSize::Word), 0);
    assert_eq!(bench.read(COMMON_QUEUE_ENABLE, AccessSize::Word), 0);
    assert_eq!(bench.request(1, &[b"z"], &[1]).0, vec![b"z".to_vec()]);
}

#[test]
fn a_queue_that_does_not_exist_has_size_zero() {
    let mut bench = Bench::untouched(Echo::default());

    bench.write(COMMON_QUEUE_SELECT, AccessSize::Word, 2);

    assert_eq!(bench.read(COMMON_QUEUE_SIZE, AccessSize::Word), 0);
}

#[test]
fn requests_made_before_the_driver_is_ready_are_handled_when_it_is() {
    let mut bench = Bench::new(Echo::default(), 0, 1);
    bench.write(COMMON_STATUS, AccessSize::Byte, 0);
    bench.notify(0);

    assert_eq!(bench.pci.device().answered, 0);
    assert_eq!(bench.pci.device().queues().len(), 2);
}

#[test]
fn a_changed_configuration_is_announced_with_a_new_generation() {
    let mut bench = Bench::new(Echo::default(), 0, 1);
    enable_msix(&mut bench);
    let before = bench.read(COMMON_GENERATION, AccessSize::Byte);

    let acted = bench.act(|_, guest| {
        guest.announce_config();
        Ok(())
    });

    assert_eq!(acted, Ok(()));
    assert_ne!(bench.read(COMMON_GENERATION, AccessSize::Byte), before);
    assert_eq!(messages(&mut bench), vec![0x40]);
}

#[test]
fn configuration_space_reaches_the_bar() {
    let mut bench = Bench::untouched(Echo::default());
    let found = capabilities(&mut bench);
    let place =
        found.iter().find(|found| found.1 == CAPABILITY_VENDOR && found.2 == 5).map_or(0, |found| found.0);

    config_write(&mut bench, place + 8, AccessSize::Dword, COMMON_QUEUE_SIZE as u32);
    config_write(&mut bench, place + 12, AccessSize::Dword, 2);
    assert_eq!(config_read(&mut bench, place + 16, AccessSize::Word), 16);
    config_write(&mut bench, place + 16, AccessSize::Word, 8);
    assert_eq!(config_read(&mut bench, place + 16, AccessSize::Word), 8);

    config_write(&mut bench, place + 8, AccessSize::Dword, BAR_BYTES as u32);
    assert_eq!(config_read(&mut bench, place + 16, AccessSize::Word), 0, "outside of the BAR");
}

#[test]
fn a_restored_function_finishes_the_work_of_the_saved_one() {
    let mut bench = Bench::new(Echo::default(), ALL, 2);
    let answers = bench.add(0, &[b"carried"], &[7]);

    let saved = bench.pci.save();
    let mut twin = Bench::untouched(Echo::default());
    assert_eq!(twin.pci.restore(saved.as_saved()), Ok(()));
    core::mem::swap(&mut bench.pci, &mut twin.pci);
    bench.notify(0);

    assert_eq!(bench.bytes(answers[0]), b"carried");
}
