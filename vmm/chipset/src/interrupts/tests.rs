//! What the controllers promise together.

use super::{FIRST_REGION, PcInterrupts, SECOND_REGION};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Attention, Context, Device, Effects, FlatMemory, InterruptController, Level, Region,
};

struct Bench {
    interrupts: PcInterrupts,
    effects: Effects,
    memory: FlatMemory,
}

impl Bench {
    fn new() -> Self {
        let memory = FlatMemory::new(Gpa::new(0), 0);
        let mut bench = Self { interrupts: PcInterrupts::new(), effects: Effects::new(), memory };
        for (region, base) in [(FIRST_REGION, 0x08), (SECOND_REGION, 0x70)] {
            bench.write(region, 0, 0x11);
            for word in [base, 4, 1, 0] {
                bench.write(region, 1, word);
            }
        }
        bench.effects.take_attention();
        bench
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut PcInterrupts, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        run(&mut self.interrupts, &mut context)
    }

    fn write(&mut self, region: Region, offset: u64, value: u64) {
        self.with(|all, context| all.write(region, offset, AccessSize::Byte, value, context));
    }

    fn write_entry(&mut self, pin: u64, entry: u64) {
        self.with(|all, context| {
            all.write(Region(0), 0x00, AccessSize::Dword, 0x10 + 2 * pin, context);
            all.write(Region(0), 0x10, AccessSize::Dword, entry, context);
        });
    }

    fn set(&mut self, pin: u8, level: Level) {
        self.with(|all, context| all.set_pin(pin, level, context));
    }

    fn acknowledge(&mut self) -> Option<u8> {
        self.with(|all, context| all.acknowledge(context))
    }

    fn sent(&mut self) -> Vec<u32> {
        self.effects.drain_messages().map(|message| message.data & 0xFF).collect()
    }
}

#[test]
fn an_isa_interrupt_goes_to_both() {
    let mut bench = Bench::new();
    bench.write_entry(4, 0x34);

    bench.set(4, Level::High);

    assert_eq!(bench.sent(), [0x34]);
    assert!(bench.effects.take_attention().contains(Attention::PIC_OUTPUT));
    assert_eq!(bench.acknowledge(), Some(0x0C));
    assert!(bench.effects.take_attention().contains(Attention::PIC_OUTPUT));
    assert!(!bench.interrupts.wants_acknowledge());
}

#[test]
fn the_timer_is_input_0_there_and_pin_2_here() {
    let mut bench = Bench::new();
    bench.write_entry(0, 0x30);
    bench.write_entry(2, 0x32);

    bench.set(0, Level::High);

    assert_eq!(bench.sent(), [0x32]);
    assert_eq!(bench.acknowledge(), Some(0x08));
}

#[test]
fn pin_2_is_nobodys() {
    let mut bench = Bench::new();
    bench.write_entry(2, 0x32);

    bench.set(2, Level::High);

    assert_eq!(bench.sent(), vec![]);
    assert!(!bench.interrupts.wants_acknowledge());
}

#[test]
fn pci_pins_reach_the_8259s_as_far_as_they_are_routed() {
    let mut bench = Bench::new();
    bench.set(20, Level::High);
    assert!(!bench.interrupts.wants_acknowledge());

    bench.with(|all, context| all.route_pin(20, Some(11), context));
    assert_eq!(bench.acknowledge(), Some(0x73));
    bench.with(|all, context| all.route_pin(20, None, context));

    assert_eq!(bench.interrupts.pic.requests(), 0);
}

#[test]
fn a_routed_pci_pin_is_an_isa_interrupt_for_the_io_apic_too() {
    let mut bench = Bench::new();
    // By level, as tables for several processors say of PCI.
    bench.write_entry(11, 0x803B);
    bench.with(|all, context| all.route_pin(20, Some(11), context));
    bench.with(|all, context| all.route_pin(21, Some(11), context));
    assert!(bench.interrupts.listens(20));

    bench.set(20, Level::High);
    assert_eq!(bench.sent(), [0x3B]);
    bench.set(21, Level::High);
    bench.set(20, Level::Low);
    bench.with(|all, context| all.end_of_interrupt(0x3B, context));
    assert_eq!(bench.sent(), [0x3B], "the other one is still there");
    bench.with(|all, context| all.route_pin(21, None, context));
    bench.with(|all, context| all.end_of_interrupt(0x3B, context));
    assert_eq!(bench.sent(), []);
}

#[test]
fn the_deadline_is_asked_for_again_when_a_pin_is_heard_or_not() {
    let mut bench = Bench::new();
    assert!(bench.interrupts.listens(0));

    bench.write(FIRST_REGION, 1, 0x01);
    assert!(!bench.interrupts.listens(0));
    assert!(bench.effects.take_attention().contains(Attention::DEADLINE));

    bench.write_entry(2, 0x32);
    assert!(bench.interrupts.listens(0), "the I/O APIC does");
    assert!(bench.effects.take_attention().contains(Attention::DEADLINE));
}

#[test]
fn a_restored_controller_is_the_saved_one() {
    let mut bench = Bench::new();
    bench.write_entry(17, 0x8041);
    bench.with(|all, context| all.route_pin(17, Some(5), context));
    bench.set(17, Level::High);
    let mut twin = PcInterrupts::new();

    assert_eq!(twin.restore(bench.interrupts.save().as_saved()), Ok(()));

    assert_eq!(twin, bench.interrupts);
    assert_eq!(bench.acknowledge(), Some(0x0D));
}

#[test]
fn no_access_panics() {
    let mut bench = Bench::new();
    for region in 0..5 {
        for offset in 0..5 {
            for size in [AccessSize::Byte, AccessSize::Word, AccessSize::Dword, AccessSize::Qword] {
                bench.with(|all, context| {
                    all.write(Region(region), offset, size, u64::MAX, context);
                    all.read(Region(region), offset, size, context);
                });
            }
        }
    }
    bench.set(255, Level::High);
    bench.with(|all, context| all.route_pin(255, Some(255), context));
    bench.with(|all, context| all.route_pin(16, Some(255), context));
}
