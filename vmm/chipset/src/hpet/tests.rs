//! What the timer block promises.

use super::{Hpet, Wiring};
use alloc::vec::Vec;
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory, Line, Msi, Region};

const WIRING: Wiring =
    Wiring { first_source: 40, timer: Line { pin: 0, source: 0 }, clock: Line { pin: 8, source: 0 } };
const TIMER: u64 = 0x100;
const COMPARATOR: u64 = 0x108;

struct Bench {
    hpet: Hpet,
    effects: Effects,
    memory: FlatMemory,
    now: Nanos,
}

impl Bench {
    fn new() -> Self {
        let memory = FlatMemory::new(Gpa::new(0), 0);
        Self { hpet: Hpet::new(WIRING), effects: Effects::new(), memory, now: Nanos::ZERO }
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut Hpet, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        run(&mut self.hpet, &mut context)
    }

    fn write(&mut self, offset: u64, size: AccessSize, value: u64) {
        self.with(|hpet, context| hpet.write(Region(0), offset, size, value, context));
    }

    fn set(&mut self, offset: u64, value: u64) {
        self.write(offset, AccessSize::Qword, value);
    }

    fn read(&mut self, offset: u64, size: AccessSize) -> u64 {
        self.with(|hpet, context| hpet.read(Region(0), offset, size, context))
    }

    fn get(&mut self, offset: u64) -> u64 {
        self.read(offset, AccessSize::Qword)
    }

    fn at(&mut self, tick: u64) {
        self.now = Nanos::new(tick * 10);
        self.with(|hpet, context| hpet.advance(context));
    }

    fn messages(&mut self) -> Vec<Msi> {
        self.effects.drain_messages().collect()
    }
}

#[test]
fn it_says_what_it_is() {
    let mut bench = Bench::new();
    assert_eq!(bench.get(0), 0x0098_9680_8086_A201);
    assert_eq!(bench.get(TIMER), 0x00FF_0000_0000_8030);
}

#[test]
fn the_counter_runs_while_it_is_enabled_and_can_be_set_while_it_is_not() {
    let mut bench = Bench::new();
    bench.at(1000);
    assert_eq!(bench.get(0xF0), 0);
    bench.set(0xF0, 0x1_0000_0000);
    bench.set(0x10, 1);
    bench.at(1005);
    assert_eq!(bench.get(0xF0), 0x1_0000_0005);
    assert_eq!(bench.read(0xF4, AccessSize::Dword), 1);
    bench.set(0xF0, 7);

    bench.set(0x10, 0);
    bench.at(2000);

    assert_eq!(bench.get(0xF0), 0x1_0000_0005, "a running counter cannot be set");
}

#[test]
fn a_message_is_sent_at_the_match_and_not_before() {
    let mut bench = Bench::new();
    bench.set(TIMER, 1 << 14 | 1 << 2);
    bench.set(0x110, 0xFEE0_1000 << 32 | 0x4041);
    bench.set(COMPARATOR, 5000);
    assert_eq!(bench.hpet.deadline(), Nanos::MAX, "the counter stands still");
    bench.set(0x10, 1);

    assert_eq!(bench.hpet.deadline(), Nanos::new(50_000));
    bench.at(4999);
    assert_eq!(bench.messages(), []);
    bench.at(5000);
    assert_eq!(bench.messages(), [Msi { address: 0xFEE0_1000, data: 0x4041 }]);
    bench.at(9000);
    assert_eq!(bench.messages(), []);
}

#[test]
fn a_comparator_behind_the_counter_matches_after_the_counter_has_wrapped() {
    let mut bench = Bench::new();
    bench.set(0x10, 1);
    bench.at(1000);
    bench.set(TIMER, 1 << 8 | 1 << 14 | 1 << 2);
    bench.set(COMPARATOR, 10);

    assert_eq!(bench.hpet.deadline(), Nanos::new(((1 << 32) + 10) * 10));
}

#[test]
fn a_periodic_timer_is_set_up_as_linux_does_it() {
    let mut bench = Bench::new();
    bench.set(0x10, 1);
    bench.at(1000);
    bench.set(TIMER, 1 << 2 | 1 << 3 | 1 << 6 | 1 << 8 | 1 << 14);
    bench.write(COMPARATOR, AccessSize::Dword, 11_000);
    bench.write(COMPARATOR, AccessSize::Dword, 10_000);

    for period in 1..4 {
        assert_eq!(bench.hpet.deadline(), Nanos::new((1000 + period * 10_000) * 10));
        bench.at(1000 + period * 10_000);
        assert_eq!(bench.messages().len(), 1);
    }
    bench.at(500_000);
    assert_eq!(bench.messages().len(), 1, "missed periods are one interrupt");
    assert_eq!(bench.get(COMPARATOR), 501_000);
}

#[test]
fn a_level_stays_until_it_is_acknowledged() {
    let mut bench = Bench::new();
    bench.set(TIMER + 0x40, 1 << 1 | 1 << 2 | 20 << 9);
    bench.set(COMPARATOR + 0x40, 100);
    bench.set(0x10, 1);
    bench.at(100);
    assert_eq!(bench.get(0x20), 4);
    assert_eq!(bench.hpet.asserted, [None, None, Some(20)]);

    bench.set(0x20, 4);

    assert_eq!(bench.hpet.asserted, [None, None, None]);
}

#[test]
fn the_fastest_period_does_not_occupy_a_processor() {
    let mut bench = Bench::new();
    bench.set(TIMER, 1 << 2 | 1 << 3 | 1 << 14);
    bench.set(COMPARATOR, 1);
    bench.set(0x10, 1);
    bench.at(10);

    assert!(bench.hpet.deadline() >= Nanos::new(20_000));
}

#[test]
fn a_timer_that_does_not_interrupt_wakes_nobody() {
    let mut bench = Bench::new();
    bench.set(TIMER, 1 << 3);
    bench.set(COMPARATOR, 100);
    bench.set(0x10, 1);

    assert_eq!(bench.hpet.deadline(), Nanos::MAX);
}

fn act(bench: &mut Bench, (offset, value, size, wait): (u64, u64, usize, u64)) -> (u64, Vec<Msi>, Nanos) {
    let sizes = [AccessSize::Byte, AccessSize::Word, AccessSize::Dword, AccessSize::Qword];
    bench.now = Nanos::new(bench.now.raw().wrapping_add(wait));
    let size = sizes.get(size).copied().unwrap_or(AccessSize::Qword);
    bench.write(offset, size, size.cut(value));
    bench.with(|hpet, context| hpet.advance(context));
    (bench.read(offset, size), bench.messages(), bench.hpet.deadline())
}

proptest! {
    #[test]
    fn no_access_panics_and_a_restored_block_goes_on_as_the_saved_one(
        before in prop::collection::vec((0u64..0x180, any::<u64>(), 0usize..4, 0u64..1 << 40), 0..60),
        after in prop::collection::vec((0u64..0x180, any::<u64>(), 0usize..4, 0u64..1 << 40), 0..30),
    ) {
        let mut bench = Bench::new();
        for access in before { act(&mut bench, access); }
        let mut twin = Bench { now: bench.now, ..Bench::new() };

        prop_assert_eq!(twin.hpet.restore(bench.hpet.save().as_saved()), Ok(()));

        for access in after {
            prop_assert_eq!(act(&mut bench, access), act(&mut twin, access));
        }
        prop_assert_eq!(bench.hpet, twin.hpet);
    }

    #[test]
    fn looking_often_or_once_makes_no_difference_to_a_one_shot(comparator in 1u64..10_000, steps in prop::collection::vec(1u64..3000, 1..20)) {
        let total: u64 = steps.iter().sum();
        let set_up = || {
            let mut bench = Bench::new();
            bench.set(TIMER, 1 << 14 | 1 << 2);
            bench.set(COMPARATOR, comparator);
            bench.set(0x10, 1);
            bench
        };
        let (mut often, mut once) = (set_up(), set_up());
        let mut tick = 0;
        for step in steps { tick += step; often.at(tick); }
        once.at(total);

        prop_assert_eq!(often.messages().len(), usize::from(comparator <= total));
        prop_assert_eq!(once.messages().len(), usize::from(comparator <= total));
    }
}
