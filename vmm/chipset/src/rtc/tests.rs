//! What the clock promises.

use super::{EXTENDED_REGION, Rtc, UnixSeconds};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory, Line, Region};

/// 2024-02-29 23:59:58 UTC, a Thursday.
const LEAP_NIGHT: UnixSeconds = UnixSeconds(1_709_251_198);
const SECOND: u64 = 1_000_000_000;

struct Bench {
    rtc: Rtc,
    effects: Effects,
    memory: FlatMemory,
    now: Nanos,
}

impl Bench {
    fn new() -> Self {
        let now = Nanos::new(5 * SECOND);
        Self {
            rtc: Rtc::new(Line { pin: 8, source: 0 }, LEAP_NIGHT, now),
            effects: Effects::new(),
            memory: FlatMemory::new(Gpa::new(0), 0),
            now,
        }
    }

    fn later(&mut self, nanos: u64) {
        self.now = self.now.saturating_add(Nanos::new(nanos));
    }

    fn read(&mut self, register: u64) -> u8 {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.rtc.write(Region(0), 0, AccessSize::Byte, register, &mut context);
        self.rtc.read(Region(0), 1, AccessSize::Byte, &mut context) as u8
    }

    fn write(&mut self, register: u64, value: u8) {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.rtc.write(Region(0), 0, AccessSize::Byte, register, &mut context);
        self.rtc.write(Region(0), 1, AccessSize::Byte, u64::from(value), &mut context);
    }

    fn advance(&mut self) {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.rtc.advance(&mut context);
    }
}

#[test]
fn the_date_is_shown_in_bcd() {
    let mut bench = Bench::new();

    let date = [0x32, 9, 8, 7, 6, 4, 2, 0].map(|register| bench.read(register));

    assert_eq!(date, [0x20, 0x24, 0x02, 0x29, 0x05, 0x23, 0x59, 0x58]);
}

#[test]
fn two_seconds_later_it_is_march() {
    let mut bench = Bench::new();

    bench.later(2 * SECOND);

    assert_eq!([8, 7, 4, 2, 0].map(|register| bench.read(register)), [0x03, 0x01, 0, 0, 0]);
}

#[test]
fn binary_twelve_hour_mode_is_shown_as_asked() {
    let mut bench = Bench::new();

    bench.write(0x0B, 0x04);

    assert_eq!(bench.read(4), 0x80 | 11);
    assert_eq!(bench.read(9), 24);
}

#[test]
fn a_date_written_register_by_register_is_taken_as_a_whole() {
    let mut bench = Bench::new();
    bench.write(0x0B, 0x82);
    for (register, value) in [(7, 0x31), (8, 0x12), (9, 0x31), (0x32, 0x20), (4, 0x08), (2, 0x15), (0, 0x30)]
    {
        bench.write(register, value);
    }
    bench.later(7 * SECOND);
    assert_eq!(bench.read(0), 0x30, "the clock stands still meanwhile");

    bench.write(0x0B, 0x02);
    bench.later(SECOND);

    let date = [0x32, 9, 8, 7, 4, 2, 0].map(|register| bench.read(register));
    assert_eq!(date, [0x20, 0x31, 0x12, 0x31, 0x08, 0x15, 0x31]);
}

#[test]
fn the_update_warning_comes_shortly_before_the_second() {
    let mut bench = Bench::new();
    assert_eq!(bench.read(0x0A) & 0x80, 0);

    bench.later(SECOND - 100_000);

    assert_eq!(bench.read(0x0A) & 0x80, 0x80);
}

#[test]
fn an_idle_clock_asks_for_no_wake_up() {
    assert_eq!(Bench::new().rtc.deadline(), Nanos::MAX);
}

#[test]
fn the_alarm_interrupts_once_at_its_second() {
    let mut bench = Bench::new();
    for (register, value) in [(1, 0x03), (3, 0x00), (5, 0xFF), (0x0B, 0x22)] {
        bench.write(register, value);
    }

    let deadline = bench.rtc.deadline();
    assert_eq!(deadline, bench.now.saturating_add(Nanos::new(5 * SECOND)));
    bench.now = deadline;
    bench.advance();

    assert!(bench.rtc.asserted);
    assert_eq!(bench.rtc.deadline(), Nanos::MAX, "one interrupt waits already");
    assert_eq!(bench.read(0x0C), 0xF0, "the periodic flag runs along");
    assert!(!bench.rtc.asserted);
    let next = bench.rtc.deadline();
    assert_eq!(next, deadline.saturating_add(Nanos::new(3600 * SECOND)), "any hour matches");
}

#[test]
fn the_periodic_interrupt_comes_at_its_rate() {
    let mut bench = Bench::new();
    bench.write(0x0B, 0x42);

    let mut count = 0;
    while bench.rtc.deadline() < Nanos::new(6 * SECOND) {
        bench.now = bench.rtc.deadline();
        bench.advance();
        assert_eq!(bench.read(0x0C) & 0xC0, 0xC0);
        count += 1;
    }

    assert_eq!(count, 1023, "1024 Hz, the last one at the end of the second");
}

#[test]
fn memory_is_given_at_construction_and_extended_memory_has_its_own_ports() {
    let mut bench = Bench::new();
    bench.rtc = bench.rtc.clone().with_memory(&[(0x34, 0x12), (0x7F, 0x56)]);
    assert_eq!((bench.read(0x34), bench.read(0x7F)), (0x12, 0x56));

    let mut context = Context { now: bench.now, memory: &bench.memory, effects: &mut bench.effects };
    bench.rtc.write(EXTENDED_REGION, 0, AccessSize::Word, 0x9A34, &mut context);
    assert_eq!(bench.rtc.read(EXTENDED_REGION, 1, AccessSize::Byte, &mut context), 0x9A);

    assert_eq!(bench.read(0x34), 0x12, "the clock's memory is another one");
}

#[test]
fn a_clock_that_is_being_set_keeps_impossible_dates_over_saving() {
    let mut bench = Bench::new();
    bench.write(0x0B, 0x82);
    for (register, value) in [(0x00, 0x89), (0x07, 0x31), (0x08, 0x02)] {
        bench.write(register, value);
    }
    let saved = bench.rtc.save();
    bench.rtc = Rtc::new(Line { pin: 8, source: 0 }, UnixSeconds(0), Nanos::ZERO);

    assert_eq!(bench.rtc.restore(saved.as_saved()), Ok(()));

    assert_eq!([0x00, 0x07, 0x08].map(|register| bench.read(register)), [0x89, 0x31, 0x02]);
}

#[test]
fn a_clock_whose_interrupts_are_off_wakes_nobody() {
    let mut bench = Bench::new();
    assert_eq!(bench.rtc.deadline(), Nanos::MAX);
    bench.write(0x0B, 0x42);
    assert_ne!(bench.rtc.deadline(), Nanos::MAX);

    bench.write(0x0B, 0x02);

    assert_eq!(bench.rtc.deadline(), Nanos::MAX);
}

proptest! {
    #[test]
    fn no_access_panics_and_a_restored_clock_goes_on_as_the_saved_one(
        steps in prop::collection::vec((0u64..256, any::<u8>(), any::<bool>(), prop_oneof![0u64..3_000_000_000, any::<u64>()]), 0..60)
    ) {
        let mut bench = Bench::new();
        for (register, value, is_write, wait) in steps {
            bench.later(wait);
            if is_write { bench.write(register, value) } else { bench.read(register); }
            prop_assert!(bench.rtc.flags.bits() & bench.rtc.mode.bits() & 0x70 == 0 || bench.rtc.asserted);
            let mut twin = Rtc::new(Line { pin: 8, source: 0 }, UnixSeconds(0), Nanos::ZERO);
            prop_assert_eq!(twin.restore(bench.rtc.save().as_saved()), Ok(()));
            prop_assert_eq!(twin.save(), bench.rtc.save());
            prop_assert_eq!(twin.deadline(), bench.rtc.deadline());
        }
    }
}
