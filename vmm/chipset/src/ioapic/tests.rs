//! What the I/O APIC promises.

use super::IoApic;
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory, InterruptController, Level, Msi, Region};

struct Bench {
    apic: IoApic,
    effects: Effects,
    memory: FlatMemory,
}

impl Bench {
    fn new() -> Self {
        Self { apic: IoApic::new(), effects: Effects::new(), memory: FlatMemory::new(Gpa::new(0), 0) }
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut IoApic, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        run(&mut self.apic, &mut context)
    }

    fn write(&mut self, index: u64, value: u64) {
        self.with(|apic, context| {
            apic.write(Region(0), 0x00, AccessSize::Dword, index, context);
            apic.write(Region(0), 0x10, AccessSize::Dword, value, context);
        });
    }

    fn read(&mut self, index: u64) -> u64 {
        self.with(|apic, context| {
            apic.write(Region(0), 0x00, AccessSize::Dword, index, context);
            apic.read(Region(0), 0x10, AccessSize::Dword, context)
        })
    }

    fn set_pin(&mut self, pin: u8, level: Level) {
        self.with(|apic, context| apic.set_pin(pin, level, context));
    }

    fn end(&mut self, vector: u8) {
        self.with(|apic, context| apic.end_of_interrupt(vector, context));
    }

    fn sent(&mut self) -> Vec<u32> {
        self.effects.drain_messages().map(|message| message.data).collect()
    }
}

#[test]
fn it_says_that_it_has_24_pins_and_an_eoi_register() {
    assert_eq!(Bench::new().read(1), 0x0017_0020);
}

#[test]
fn an_entry_becomes_the_message_that_the_manual_describes() {
    let mut bench = Bench::new();
    bench.write(0x11, 0x0500_0000);
    bench.write(0x10, 0x0931);

    bench.set_pin(0, Level::High);

    let messages: Vec<Msi> = bench.effects.drain_messages().collect();
    assert_eq!(messages, vec![Msi { address: 0xFEE0_5004, data: 0x4131 }]);
}

#[test]
fn an_edge_is_delivered_once_and_lost_while_masked() {
    let mut bench = Bench::new();
    bench.write(0x18, 0x1_0030);
    bench.set_pin(4, Level::High);
    bench.write(0x18, 0x30);
    assert_eq!(bench.sent(), vec![]);

    bench.set_pin(4, Level::Low);
    bench.set_pin(4, Level::High);

    assert_eq!(bench.sent(), vec![0x4030]);
}

#[test]
fn a_level_is_delivered_again_after_its_eoi_while_it_stays_high() {
    let mut bench = Bench::new();
    bench.write(0x22, 0x8040);
    bench.set_pin(9, Level::High);
    assert_eq!(bench.sent(), vec![0xC040]);
    assert_eq!(bench.read(0x22), 0xC040);

    bench.end(0x40);
    assert_eq!(bench.sent(), vec![0xC040]);

    bench.set_pin(9, Level::Low);
    bench.end(0x40);
    assert_eq!(bench.sent(), vec![]);
    assert_eq!(bench.read(0x22), 0x8040);
}

#[test]
fn a_level_that_waited_behind_the_mask_is_delivered_when_it_opens() {
    let mut bench = Bench::new();
    bench.write(0x22, 0x1_8040);
    bench.set_pin(9, Level::High);
    assert_eq!(bench.sent(), vec![]);

    bench.write(0x22, 0x8040);

    assert_eq!(bench.sent(), vec![0xC040]);
}

#[test]
fn turning_a_pin_to_edge_and_back_forgets_that_it_was_in_service() {
    // Linux does this on I/O APICs without an EOI register.
    let mut bench = Bench::new();
    bench.write(0x22, 0x8040);
    bench.set_pin(9, Level::High);
    bench.sent();

    bench.write(0x22, 0x1_0040);
    bench.write(0x22, 0x8040);

    assert_eq!(bench.sent(), vec![0xC040]);
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64, u64, u64),
    Read(u64),
    Pin(u8, bool),
    End(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u64..0x50, 0u64..0x60, any::<u32>()).prop_map(|(offset, index, value)| Step::Write(
            offset,
            index,
            u64::from(value & 0x1_FF0F)
        )),
        (0u64..0x50).prop_map(Step::Read),
        (0u8..26, any::<bool>()).prop_map(|(pin, high)| Step::Pin(pin, high)),
        (0u8..16).prop_map(Step::End),
    ]
}

fn apply(bench: &mut Bench, step: &Step) -> Vec<u32> {
    match step {
        Step::Write(offset, index, value) => {
            bench.with(|apic, context| apic.write(Region(0), *offset, AccessSize::Dword, *value, context));
            bench.write(*index, *value);
        }
        Step::Read(offset) => {
            bench.with(|apic, context| apic.read(Region(0), *offset, AccessSize::Byte, context));
        }
        Step::Pin(pin, high) => bench.set_pin(*pin, Level::from_asserted(*high)),
        Step::End(vector) => bench.end(*vector),
    }
    bench.sent()
}

proptest! {
    #[test]
    fn a_level_pin_that_is_high_and_open_is_always_in_service(steps in prop::collection::vec(step(), 0..200)) {
        let mut bench = Bench::new();
        for step in &steps {
            apply(&mut bench, step);
            for (pin, entry) in bench.apic.entries.iter().enumerate() {
                let is_high = bench.apic.asserted & 1 << pin != 0;
                if is_high && entry.is_level() && !entry.is_masked() {
                    prop_assert!(entry.is_in_service(), "pin {}", pin);
                }
            }
        }
    }

    #[test]
    fn a_restored_controller_goes_on_as_the_saved_one(before in prop::collection::vec(step(), 0..100), after in prop::collection::vec(step(), 0..50)) {
        let mut bench = Bench::new();
        before.iter().for_each(|step| { apply(&mut bench, step); });
        let mut twin = Bench::new();

        let saved = bench.apic.save();
        prop_assert_eq!(twin.apic.restore(saved.as_saved()), Ok(()));

        for step in &after {
            prop_assert_eq!(apply(&mut bench, step), apply(&mut twin, step));
        }
    }
}
