//! What power management promises.

use super::{CONTROL_REGION, EVENT_REGION, PowerManagement, RESET_REGION, TIMER_REGION};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Attention, Context, Device, Effects, FlatMemory, Line, PowerRequest, Region};

struct Bench {
    pm: PowerManagement,
    effects: Effects,
    memory: FlatMemory,
    now: Nanos,
}

impl Bench {
    fn new() -> Self {
        Self {
            pm: PowerManagement::new(Line { pin: 9, source: 0 }),
            effects: Effects::new(),
            memory: FlatMemory::new(Gpa::new(0), 0),
            now: Nanos::ZERO,
        }
    }

    fn write(&mut self, region: Region, offset: u64, size: AccessSize, value: u64) {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.pm.write(region, offset, size, value, &mut context);
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize) -> u64 {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        self.pm.read(region, offset, size, &mut context)
    }
}

#[test]
fn writing_sleep_type_five_turns_the_machine_off() {
    let mut bench = Bench::new();

    bench.write(CONTROL_REGION, 0, AccessSize::Word, 5 << 10);
    assert_eq!(bench.effects.take_power(), None);
    bench.write(CONTROL_REGION, 0, AccessSize::Word, 5 << 10 | 1 << 13);

    assert_eq!(bench.effects.take_power(), Some(PowerRequest::Off));
    assert_eq!(bench.read(CONTROL_REGION, 0, AccessSize::Word), 5 << 10 | 1, "SLP_EN reads as zero");
}

#[test]
fn the_reset_register_resets() {
    let mut bench = Bench::new();

    bench.write(RESET_REGION, 0, AccessSize::Byte, 0x02);
    assert_eq!(bench.effects.take_power(), None);
    bench.write(RESET_REGION, 0, AccessSize::Byte, 0x06);

    assert_eq!(bench.effects.take_power(), Some(PowerRequest::Reset));
}

#[test]
fn the_power_button_raises_the_line_only_when_it_is_enabled() {
    let mut bench = Bench::new();
    bench.pm.press_power_button(&mut bench.effects);
    assert!(!bench.effects.attention().contains(Attention::LINES));

    bench.write(EVENT_REGION, 2, AccessSize::Word, 0x100);

    assert!(bench.pm.asserted);
    assert_eq!(bench.read(EVENT_REGION, 0, AccessSize::Word), 0x100);
    bench.write(EVENT_REGION, 0, AccessSize::Word, 0x100);
    assert!(!bench.pm.asserted);
}

#[test]
fn the_timer_runs_at_3579545_hz() {
    let mut bench = Bench::new();

    bench.now = Nanos::new(1_000_000_000);

    assert_eq!(bench.read(TIMER_REGION, 0, AccessSize::Dword), 3_579_545);
}

#[test]
fn the_timer_interrupts_when_its_top_bit_changes() {
    let mut bench = Bench::new();
    bench.write(EVENT_REGION, 2, AccessSize::Word, 1);
    let deadline = bench.pm.deadline();

    bench.now = Nanos::new(deadline.raw() - 1_000);
    assert_eq!(bench.read(EVENT_REGION, 0, AccessSize::Word), 0);
    bench.now = deadline;

    assert_eq!(bench.read(EVENT_REGION, 0, AccessSize::Word), 1);
    assert!(bench.pm.asserted);
    assert_eq!(bench.pm.deadline(), Nanos::MAX, "nothing more until it is acknowledged");
}

proptest! {
    #[test]
    fn no_access_panics_and_a_restored_block_goes_on_as_the_saved_one(
        steps in prop::collection::vec((0u16..5, 0u64..6, 0usize..3, any::<u32>(), any::<u64>(), any::<bool>()), 0..60)
    ) {
        let mut bench = Bench::new();
        let sizes = [AccessSize::Byte, AccessSize::Word, AccessSize::Dword];
        for (region, offset, size, value, now, is_write) in steps {
            bench.now = Nanos::new(now);
            let size = sizes[size];
            if is_write {
                bench.write(Region(region), offset, size, size.cut(u64::from(value)));
            } else {
                bench.read(Region(region), offset, size);
            }
            let mut twin = PowerManagement::new(Line { pin: 9, source: 0 });
            prop_assert_eq!(twin.restore(bench.pm.save().as_saved()), Ok(()));
            prop_assert_eq!(&twin, &bench.pm);
        }
    }
}
