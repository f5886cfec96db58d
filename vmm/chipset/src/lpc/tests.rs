//! What the bridge promises.

use super::{Lpc, PM_REGION, RCBA_REGION, RESET_REGION, SMI_REGION};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{
    AccessSize, Attention, Context, Device, Effects, FlatMemory, Line, PowerRequest, Region, pci::Space,
};

struct Bench {
    lpc: Lpc,
    effects: Effects,
    memory: FlatMemory,
    now: Nanos,
}

impl Bench {
    fn new() -> Self {
        let lpc = Lpc::new(Line { pin: 9, source: 0 });
        let memory = FlatMemory::new(Gpa::new(0), 0);
        Self { lpc, effects: Effects::new(), memory, now: Nanos::ZERO }
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut Lpc, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        run(&mut self.lpc, &mut context)
    }

    fn configure(&mut self, offset: u16, value: u32) {
        self.with(|lpc, context| lpc.config_write(offset, AccessSize::Dword, value, context));
    }

    fn write(&mut self, region: Region, offset: u64, size: AccessSize, value: u64) {
        self.with(|lpc, context| lpc.write(region, offset, size, value, context));
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize) -> u64 {
        self.with(|lpc, context| lpc.read(region, offset, size, context))
    }

    fn windows(&self) -> Vec<(Space, u64, u64)> {
        self.lpc.windows().iter().map(|window| (window.space, window.start, window.bytes)).collect()
    }
}

#[test]
fn it_is_an_ich9_with_more_functions() {
    let mut bench = Bench::new();
    let id = bench.with(|lpc, context| lpc.config_read(0, AccessSize::Dword, context));
    let header = bench.with(|lpc, context| lpc.config_read(0x0E, AccessSize::Byte, context));

    assert_eq!((id, header), (0x2918_8086, 0x80));
}

#[test]
fn power_management_is_where_firmware_puts_it() {
    let mut bench = Bench::new();
    bench.configure(0x40, 0x601);
    assert_eq!(bench.windows(), [], "not enabled yet");
    bench.configure(0x44, 0x80);
    assert_eq!(bench.windows(), [(Space::Ports, 0x600, 0x80)]);
    assert!(bench.effects.take_attention().contains(Attention::WINDOWS));
    bench.configure(0xF0, 0xFED1_C001);

    assert_eq!(bench.windows(), [(Space::Ports, 0x600, 0x80), (Space::Memory, 0xFED1_C000, 0x4000)]);
    bench.now = Nanos::new(1_000_000_000);
    assert_eq!(bench.read(PM_REGION, 8, AccessSize::Dword), 3_579_545);
}

#[test]
fn acpi_takes_over_by_the_command_port() {
    let mut bench = Bench::new();
    bench.write(PM_REGION, 2, AccessSize::Word, 0x100);
    bench.with(|lpc, context| lpc.press_power_button(context.effects));
    assert!(!bench.effects.take_attention().contains(Attention::LINES), "nobody owns the event");
    assert_eq!(bench.read(PM_REGION, 4, AccessSize::Word) & 1, 0);

    bench.write(SMI_REGION, 0, AccessSize::Byte, 2);
    assert_eq!(bench.read(PM_REGION, 4, AccessSize::Word) & 1, 1);
    assert!(bench.effects.take_attention().contains(Attention::LINES));
    bench.write(SMI_REGION, 0, AccessSize::Byte, 3);
    assert_eq!(bench.read(PM_REGION, 4, AccessSize::Word) & 1, 0);
}

#[test]
fn firmware_turns_off_and_resets_in_its_own_ways() {
    for (region, offset, value, expected) in [
        (PM_REGION, 4, 1 << 13, PowerRequest::Off),
        (PM_REGION, 4, 5 << 10 | 1 << 13, PowerRequest::Off),
        (PM_REGION, 4, 7 << 10 | 1 << 13, PowerRequest::Off),
        (RESET_REGION, 0, 0x06, PowerRequest::Reset),
    ] {
        let mut bench = Bench::new();
        bench.write(region, offset, AccessSize::Word, value);
        assert_eq!(bench.effects.take_power(), Some(expected));
    }
    let mut bench = Bench::new();
    bench.write(PM_REGION, 4, AccessSize::Word, 1 << 10 | 1 << 13);
    assert_eq!(bench.effects.take_power(), None, "suspend to RAM is not supported");
}

#[test]
fn firmware_finds_system_management_set_up_already() {
    let mut bench = Bench::new();
    bench.write(PM_REGION, 0x30, AccessSize::Dword, 0);

    assert_eq!(bench.read(PM_REGION, 0x30, AccessSize::Dword), 0x20);
}

#[test]
fn routes_name_inputs_of_the_8259s() {
    let mut bench = Bench::new();
    assert_eq!(bench.lpc.routes(), [None; 8]);

    bench.configure(0x60, 0x0D80_0B0A);
    bench.configure(0x68, 0x0505_0505);

    let five = Some(5);
    assert_eq!(bench.lpc.routes(), [Some(10), Some(11), None, None, five, five, five, five]);
    assert!(bench.effects.take_attention().contains(Attention::LINES));
}

#[test]
fn the_root_complex_says_that_its_watchdog_resets_nothing() {
    let mut bench = Bench::new();

    assert_eq!(bench.read(RCBA_REGION, 0x3410, AccessSize::Dword), 0x20);
    assert_eq!(bench.read(RCBA_REGION, 0x3140, AccessSize::Dword), 0x3210_3210);
}

#[test]
fn general_events_can_be_enabled_and_never_happen() {
    let mut bench = Bench::new();
    bench.write(PM_REGION, 0x28, AccessSize::Dword, 0x1234_5678);

    assert_eq!(bench.read(PM_REGION, 0x2A, AccessSize::Word), 0x1234);
    assert_eq!(bench.read(PM_REGION, 0x20, AccessSize::Dword), 0);
}

proptest! {
    #[test]
    fn no_access_panics_and_a_restored_bridge_is_the_saved_one(
        accesses in prop::collection::vec((0u16..5, any::<u16>(), any::<u32>(), 0usize..4), 0..80),
    ) {
        let sizes = [AccessSize::Byte, AccessSize::Word, AccessSize::Dword, AccessSize::Qword];
        let mut bench = Bench::new();
        for (region, offset, value, size) in accesses {
            if region == 4 {
                bench.configure(offset & 0xFC, value);
            } else {
                bench.write(Region(region), u64::from(offset & 0x7F), sizes[size], u64::from(value));
                bench.read(Region(region), u64::from(offset), sizes[size]);
            }
        }
        let mut twin = Bench::new();

        prop_assert_eq!(twin.lpc.restore(bench.lpc.save().as_saved()), Ok(()));

        prop_assert_eq!(twin.lpc.save(), bench.lpc.save());
        prop_assert_eq!(twin.windows(), bench.windows());
        let reset: Vec<(Space, u64, u64)> = vec![];
        bench.with(|lpc, context| lpc.reset(context));
        prop_assert_eq!(bench.windows(), reset);
    }
}
