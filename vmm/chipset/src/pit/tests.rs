//! What the timer promises.

use super::{CONTROL_REGION, COUNTERS_REGION, Pit};
use alloc::vec::Vec;
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Attention, Context, Device, Effects, FlatMemory, Line, Region};

/// Nanoseconds at which a tick has begun: a tick takes 838.
fn at_tick(tick: u64) -> Nanos {
    Nanos::new((tick * 1_000_000_000).div_ceil(1_193_182))
}

struct Bench {
    pit: Pit,
    effects: Effects,
    memory: FlatMemory,
    now: Nanos,
}

impl Bench {
    fn new() -> Self {
        Self {
            pit: Pit::new(Line { pin: 0, source: 0 }),
            effects: Effects::new(),
            memory: FlatMemory::new(Gpa::new(0), 0),
            now: Nanos::ZERO,
        }
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut Pit, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        run(&mut self.pit, &mut context)
    }

    fn write(&mut self, offset: u64, value: u64) {
        self.with(|pit, context| pit.write(COUNTERS_REGION, offset, AccessSize::Byte, value, context));
    }

    fn read(&mut self, offset: u64) -> u64 {
        self.with(|pit, context| pit.read(COUNTERS_REGION, offset, AccessSize::Byte, context))
    }

    fn write_control(&mut self, value: u64) {
        self.with(|pit, context| pit.write(CONTROL_REGION, 0, AccessSize::Byte, value, context));
    }

    fn control(&mut self) -> u64 {
        self.with(|pit, context| pit.read(CONTROL_REGION, 0, AccessSize::Byte, context))
    }

    /// Whether the line rose since the last question.
    fn rose(&mut self) -> bool {
        self.with(|pit, context| pit.advance(context));
        let attention = self.effects.take_attention();
        attention.contains(Attention::LINES)
    }

    /// Programs a counter with the low and high byte of a count.
    fn program(&mut self, counter: u64, mode: u64, count: u16) {
        self.write(3, counter << 6 | 0x30 | mode << 1);
        let [low, high] = count.to_le_bytes();
        self.write(counter, u64::from(low));
        self.write(counter, u64::from(high));
    }
}

#[test]
fn the_rate_generator_interrupts_once_in_each_period() {
    let mut bench = Bench::new();
    bench.program(0, 2, 11_932);
    bench.effects.take_attention();

    for period in 1..5 {
        let deadline = bench.pit.deadline();
        assert_eq!(deadline, at_tick(period * 11_932));
        bench.now = Nanos::new(deadline.raw() - 1);
        assert!(!bench.rose());
        bench.now = deadline;
        assert!(bench.rose());
    }
}

#[test]
fn missed_periods_are_one_interrupt() {
    let mut bench = Bench::new();
    bench.program(0, 3, 0);
    bench.now = at_tick(1_000_000);
    bench.effects.take_attention();

    assert!(bench.rose());
    assert_eq!(bench.pit.deadline(), at_tick(16 * 65_536));
}

#[test]
fn a_terminal_count_interrupts_once_and_asks_for_nothing_more() {
    let mut bench = Bench::new();
    bench.program(0, 0, 1000);
    bench.effects.take_attention();
    bench.now = at_tick(1000);

    assert!(bench.rose());
    assert_eq!(bench.pit.deadline(), Nanos::MAX);
}

#[test]
fn a_timer_that_was_never_programmed_or_was_reset_wakes_nobody() {
    let mut bench = Bench::new();
    assert_eq!(bench.pit.deadline(), Nanos::MAX);
    bench.program(0, 2, 100);

    bench.with(|pit, context| pit.reset(context));

    assert_eq!(bench.pit.deadline(), Nanos::MAX);
}

#[test]
fn the_fastest_rate_does_not_occupy_a_processor() {
    let mut bench = Bench::new();
    bench.program(0, 2, 1);
    bench.now = at_tick(100);
    bench.rose();

    assert!(bench.pit.deadline() >= at_tick(124));
}

#[test]
fn a_latched_count_stays_until_it_is_read() {
    let mut bench = Bench::new();
    bench.program(0, 2, 0x1234);
    bench.now = at_tick(0x34);
    bench.write(3, 0x00);
    bench.now = at_tick(0x40);
    bench.write(3, 0x00);

    assert_eq!((bench.read(0), bench.read(0)), (0x00, 0x12));
    assert_eq!((bench.read(0), bench.read(0)), (0xF4, 0x11));
}

#[test]
fn read_back_tells_status_and_count() {
    let mut bench = Bench::new();
    bench.write(3, 0xB6);
    bench.write(3, 0xE8);
    assert_eq!(bench.read(2), 0b1111_0110, "output high, nothing counted yet, both bytes, mode 3");
    bench.program(2, 4, 0x1000);
    bench.write_control(1);

    bench.write(3, 0xC8);

    assert_eq!(bench.read(2), 0b1011_1000);
    assert_eq!((bench.read(2), bench.read(2)), (0x00, 0x10));
}

#[test]
fn decimal_counts_are_decimal() {
    let mut bench = Bench::new();
    bench.write(3, 0x35);
    bench.write(0, 0x00);
    bench.write(0, 0x10);
    assert_eq!(bench.pit.deadline(), at_tick(1000));
    bench.now = at_tick(1);

    assert_eq!((bench.read(0), bench.read(0)), (0x99, 0x09));
}

#[test]
fn the_gate_of_the_speaker_starts_and_stops_its_counter() {
    let mut bench = Bench::new();
    bench.program(2, 0, 1000);
    bench.now = at_tick(5000);
    assert_eq!(bench.control() & 0x21, 0x00, "the gate is closed");

    bench.write_control(1);
    bench.now = at_tick(5999);
    assert_eq!(bench.control() & 0x21, 0x01);
    bench.now = at_tick(6000);
    assert_eq!(bench.control() & 0x21, 0x21);
}

#[test]
fn the_refresh_bit_changes_with_time_alone() {
    let mut bench = Bench::new();
    let first = bench.control() & 0x10;
    assert_eq!(bench.control() & 0x10, first);
    bench.now = Nanos::new(15_086);

    assert_ne!(bench.control() & 0x10, first);
}

/// Counter 2 tick by tick, in the words of the data sheet. Counts are one byte.
struct Model {
    mode: u64,
    gate: bool,
    count: Option<u64>,
    next: Option<u64>,
    is_counting: bool,
    element: u64,
    /// An odd count's extra tick of the high half.
    holds: bool,
    output: bool,
    has_strobed: bool,
}

impl Model {
    fn new() -> Self {
        Self {
            mode: 3,
            gate: false,
            count: None,
            next: None,
            is_counting: false,
            element: 0,
            holds: false,
            output: true,
            has_strobed: false,
        }
    }

    fn program(&mut self, mode: u64) {
        *self = Self { mode, gate: self.gate, output: mode != 0, ..Self::new() };
    }

    fn starts_by_gate(&self) -> bool {
        self.mode == 1 || self.mode == 5
    }

    fn start(&mut self, count: u64) {
        self.count = Some(count);
        self.is_counting = true;
        self.has_strobed = false;
        self.element = if self.mode == 3 { count & !1 } else { count };
        self.output = matches!(self.mode, 2..=5);
        self.holds = self.mode == 3 && count % 2 == 1;
    }

    fn write(&mut self, count: u64) {
        if (self.is_counting && matches!(self.mode, 1 | 2 | 3 | 5) && (self.gate || self.starts_by_gate()))
            || (self.starts_by_gate() && !self.is_counting)
        {
            self.next = Some(count);
        } else {
            self.next = None;
            self.start(count);
        }
    }

    fn set_gate(&mut self, gate: bool) {
        let (rises, falls) = (gate && !self.gate, self.gate && !gate);
        self.gate = gate;
        let restarts = matches!(self.mode, 1 | 2 | 3 | 5);
        if let (true, true, Some(count)) = (rises, restarts, self.next.take_if(|_| rises).or(self.count)) {
            self.start(count);
        }
        if falls && matches!(self.mode, 2 | 3) {
            self.output = true;
        }
    }

    fn tick(&mut self) {
        let is_paused = !self.gate && !self.starts_by_gate();
        let Some(count) = self.count.filter(|_| self.is_counting && !is_paused) else { return };
        match self.mode {
            2 => {
                self.element -= 1;
                self.output = self.element != 1;
                if self.element == 0 {
                    self.start_period(count);
                }
            }
            3 => self.tick_square(count),
            _ => {
                self.element = (self.element + 0xFFFF) % 0x10000;
                let is_end = self.element == 0 && !self.has_strobed;
                self.has_strobed |= is_end;
                self.output = if self.mode < 2 { self.has_strobed } else { !is_end };
            }
        }
    }

    fn tick_square(&mut self, count: u64) {
        if self.element > 2 || (self.element == 2 && self.holds && self.output) {
            self.element -= 2;
        } else if self.output {
            self.output = false;
            self.element = count & !1;
        } else {
            self.start_period(count);
        }
    }

    fn start_period(&mut self, count: u64) {
        let count = self.next.take().unwrap_or(count);
        self.start(count);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Program(u64),
    Write(u64),
    Gate(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u64..6).prop_map(Step::Program),
        (2u64..20).prop_map(Step::Write),
        any::<bool>().prop_map(Step::Gate),
        (0u64..50).prop_map(Step::Wait),
        (0u64..5).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn a_counter_counts_like_one_that_is_clocked(steps in prop::collection::vec(step(), 0..80)) {
        let (mut bench, mut model, mut tick) = (Bench::new(), Model::new(), 0);
        bench.write(3, 0x96);
        for step in &steps {
            match *step {
                Step::Program(mode) => {
                    bench.write(3, 0x90 | mode << 1);
                    model.program(mode);
                }
                Step::Write(count) => {
                    bench.write(2, count);
                    model.write(count);
                }
                Step::Gate(gate) => {
                    bench.write_control(u64::from(gate));
                    model.set_gate(gate);
                }
                Step::Wait(ticks) => {
                    tick += ticks;
                    bench.now = at_tick(tick);
                    (0..ticks).for_each(|_| model.tick());
                }
            }
            prop_assert_eq!(bench.control() & 0x20 != 0, model.output, "output after {:?}", step);
            if model.is_counting {
                prop_assert_eq!(bench.read(2), model.element & 0xFF, "count after {:?}", step);
            }
        }
    }

    #[test]
    fn no_access_panics_and_a_restored_timer_goes_on_as_the_saved_one(
        accesses in prop::collection::vec((0u16..3, 0u64..6, any::<u16>(), 0u64..10_000_000), 0..60),
        after in prop::collection::vec((0u16..3, 0u64..6, any::<u16>(), 0u64..10_000_000), 0..30),
    ) {
        let mut bench = Bench::new();
        let act = |bench: &mut Bench, (region, offset, value, wait): (u16, u64, u16, u64)| {
            bench.now = Nanos::new(bench.now.raw() + wait);
            bench.with(|pit, context| {
                pit.write(Region(region), offset, AccessSize::Word, u64::from(value), context);
                pit.advance(context);
                pit.read(Region(region), offset, AccessSize::Byte, context)
            })
        };
        for access in accesses { act(&mut bench, access); }
        let mut twin = Bench { now: bench.now, ..Bench::new() };

        prop_assert_eq!(twin.pit.restore(bench.pit.save().as_saved()), Ok(()));

        for access in after {
            prop_assert_eq!(act(&mut bench, access), act(&mut twin, access));
            prop_assert_eq!(bench.pit.deadline(), twin.pit.deadline());
        }
    }
}

#[test]
fn wide_accesses_reach_the_neighbours() {
    let mut bench = Bench::new();
    let values: Vec<u64> = (0..4).map(|_| bench.read(3)).collect();

    assert_eq!(values, [0, 0, 0, 0], "the control word cannot be read");
}
