//! What the balloon promises.

use super::Balloon;
use alloc::{vec, vec::Vec};
use base_units::Gpa;
use spec::virtio::FEATURE_PACKED;
use vmm_bus::{AccessSize, Device, GuestRange};
use vmm_virtio::testing::Bench;

const STATISTICS: u64 = 1 << 1;
const REPORTING: u64 = 1 << 5;

fn pages(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn returned(bench: &mut Bench<Balloon>) -> Vec<GuestRange> {
    bench.effects.drain_returned().collect()
}

fn range(start: u64, bytes: u64) -> GuestRange {
    GuestRange { start: Gpa::new(start), bytes }
}

#[test]
fn the_target_is_announced_and_the_answer_is_kept() {
    let mut bench = Bench::new(Balloon::new(), 0, 2);
    let set = bench.act(|balloon, guest| {
        balloon.set_target(5 << 20, guest);
        Ok(())
    });
    assert_eq!(set, Ok(()));
    assert_eq!(bench.read(0x1000, AccessSize::Byte), 2);
    assert_eq!(bench.read(0x2000, AccessSize::Dword), 1280);

    bench.write(0x2004, AccessSize::Dword, 1000);

    assert_eq!(bench.pci.device().actual_bytes(), 1000 * 4096);
}

#[test]
fn inflated_pages_are_given_back_neighbours_together() {
    for features in [0, FEATURE_PACKED] {
        let mut bench = Bench::new(Balloon::new(), features, 2);

        bench.request(0, &[&pages(&[32, 33, 34, 40])], &[]);

        assert_eq!(returned(&mut bench), vec![range(32 << 12, 3 << 12), range(40 << 12, 1 << 12)]);
    }
}

#[test]
fn pages_that_are_no_ram_are_not_given_back() {
    let mut bench = Bench::new(Balloon::new(), 0, 2);

    bench.request(0, &[&pages(&[u32::MAX, 1 << 20])], &[]);

    assert_eq!(returned(&mut bench), vec![]);
    assert_eq!(bench.pci.fault(), None);
}

#[test]
fn a_flood_of_scattered_pages_is_bounded() {
    let mut bench = Bench::new(Balloon::new(), 0, 2);
    let numbers: Vec<u32> = (0..2000).map(|index| index % 50 * 2).collect();

    bench.request(0, &[&pages(&numbers)], &[]);

    assert_eq!(returned(&mut bench).len(), vmm_bus::effects::RETURNED_RANGES_MAX);
}

#[test]
fn deflating_is_acknowledged() {
    let mut bench = Bench::new(Balloon::new(), 0, 2);

    assert_eq!(bench.request(1, &[&pages(&[32])], &[]).1, 0);
    assert_eq!(returned(&mut bench), vec![]);
}

#[test]
fn statistics_are_read_and_the_buffer_kept_until_new_ones_are_wanted() {
    let mut bench = Bench::new(Balloon::new(), STATISTICS, 3);
    let mut report = vec![4, 0];
    report.extend(77u64.to_le_bytes());
    report.extend([0xEE, 0xEE, 1, 2, 3, 4, 5, 6, 7, 8]);
    bench.add(2, &[&report], &[]);
    bench.notify(2);
    assert_eq!(bench.pci.device().statistics().free, Some(77));
    assert_eq!(bench.queues[2].take_used(&bench.memory), None);

    let mut twin = Bench::untouched(Balloon::new());
    assert_eq!(twin.pci.restore(bench.pci.save().as_saved()), Ok(()));
    bench.pci = twin.pci;
    assert_eq!(bench.act(|balloon, guest| balloon.ask_statistics(guest)), Ok(()));

    assert!(bench.queues[2].take_used(&bench.memory).is_some());
}

#[test]
fn reported_free_pages_are_given_back_as_whole_pages() {
    for (features, queue) in [(REPORTING, 2), (STATISTICS | REPORTING, 3)] {
        let mut bench = Bench::new(Balloon::new(), features, queue + 1);
        let first = bench.allocate(0x1800);
        assert_eq!(first.start, Gpa::new(0));

        bench.request(queue, &[], &[0x2900]);

        assert_eq!(returned(&mut bench), vec![range(0x2000, 0x2000)], "0x1800 to 0x4100 holds two pages");
    }
}
