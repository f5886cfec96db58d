//! Dispatch, lines, PCI, saving.

use super::devices::{Controller, Function, Register};
use crate::{
    AccessSize, Attention, Bus, BusError, Context, DeviceId, Effects, FlatMemory, Level, Line, PowerRequest,
    Region, TextInspector, pci::Place,
};
use alloc::{boxed::Box, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_snapshot::{RestoreError, Snapshot, SnapshotWriter};

const ECAM: u64 = 0xE000_0000;
const SLOT_BYTES: u64 = 0x8000;

struct Bench {
    bus: Bus,
    first: DeviceId<Register>,
    second: DeviceId<Register>,
    effects: Effects,
    memory: FlatMemory,
    now: Nanos,
}

fn slot(number: u8) -> Place {
    Place::slot(number).unwrap_or_else(|| panic!("slots go to 31"))
}

fn build() -> Result<(Bus, DeviceId<Register>, DeviceId<Register>), BusError> {
    let mut bus = Bus::new(Box::new(Controller), Gpa::new(0xFEC0_0000), 0x1000)?;
    bus.map_ecam(Gpa::new(ECAM))?;
    let first = bus.add(Register::new(Line { pin: 5, source: 0 }))?;
    let second = bus.add(Register::new(Line { pin: 5, source: 1 }))?;
    bus.map_ports(first, Region(0), 0x3F8, 8)?;
    bus.map_ports(first, Region(1), 0xCF9, 1)?;
    bus.map_memory(second, Region(2), Gpa::new(0xFED0_0000), 0x400)?;
    bus.add_function(slot(0), Function::new())?;
    bus.add_function(slot(3), Function::new())?;
    Ok((bus, first, second))
}

impl Bench {
    fn new() -> Self {
        let (bus, first, second) = build().unwrap_or_else(|error| panic!("{error:?}"));
        let memory = FlatMemory::new(Gpa::new(0), 0);
        Self { bus, first, second, effects: Effects::new(), memory, now: Nanos::ZERO }
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut Bus, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        run(&mut self.bus, &mut context)
    }

    fn input(&mut self, port: u16, size: AccessSize) -> u32 {
        self.with(|bus, context| bus.port_read(port, size, context))
    }

    fn output(&mut self, port: u16, size: AccessSize, value: u32) {
        self.with(|bus, context| bus.port_write(port, size, value, context));
    }

    fn load(&mut self, at: u64, size: AccessSize) -> u64 {
        self.with(|bus, context| bus.memory_read(Gpa::new(at), size, context))
    }

    fn store(&mut self, at: u64, size: AccessSize, value: u64) {
        self.with(|bus, context| bus.memory_write(Gpa::new(at), size, value, context));
    }

    fn sent(&mut self) -> Vec<u32> {
        self.effects.drain_messages().map(|message| message.data).collect()
    }
}

#[test]
fn an_access_reaches_its_device_with_region_and_offset() {
    let mut bench = Bench::new();
    bench.output(0x3FB, AccessSize::Byte, 0x1FF);

    assert_eq!(bench.input(0x3F8, AccessSize::Byte), 0xFF, "the value was cut to a byte");
    assert_eq!(bench.input(0xCF9, AccessSize::Dword), 0xFF);
    assert_eq!(bench.load(0xFED0_0008, AccessSize::Qword), 0x0008_0002_0000_0000);
    assert_eq!(bench.load(0xFEC0_0010, AccessSize::Dword), 0xC0);
    assert_eq!(bench.effects.attention(), Attention::empty(), "the usual access has no effects");
}

#[test]
fn a_port_write_is_swallowed_only_where_nothing_answers() {
    let mut bench = Bench::new();
    assert!(!bench.bus.swallows_port_write(0x80), "nobody has looked yet");
    bench.output(0x80, AccessSize::Byte, 1);

    assert!(bench.bus.swallows_port_write(0x80));
    assert!(!bench.bus.swallows_port_write(0x3FB));
    bench.output(0x3FB, AccessSize::Byte, 1);
    assert!(!bench.bus.swallows_port_write(0x3FB));
}

#[test]
fn nothing_answers_with_ones() {
    let mut bench = Bench::new();
    bench.output(0x80, AccessSize::Byte, 1);
    bench.store(0xD000_0000, AccessSize::Dword, 1);

    assert_eq!(bench.input(0x80, AccessSize::Word), 0xFFFF);
    assert_eq!(bench.load(0xD000_0000, AccessSize::Qword), u64::MAX);
    assert_eq!(bench.load(u64::MAX, AccessSize::Byte), 0xFF);
}

#[test]
fn a_shared_pin_is_high_while_any_of_its_devices_asserts_it() {
    let mut bench = Bench::new();
    bench.output(0x3F8, AccessSize::Byte, 1);
    assert_eq!(bench.sent(), vec![5]);

    bench.store(0xFED0_0000, AccessSize::Byte, 1);
    bench.output(0x3F8, AccessSize::Byte, 0);
    assert_eq!(bench.sent(), vec![], "no new edge");
    assert_eq!(bench.bus.pin_level(5), Level::High);
    bench.store(0xFED0_0000, AccessSize::Byte, 0);

    assert_eq!(bench.bus.pin_level(5), Level::Low);
    assert_eq!(bench.effects.attention(), Attention::empty());
}

#[test]
fn messages_power_and_pages_are_handed_to_the_outside() {
    let mut bench = Bench::new();
    for value in 2..5 {
        bench.output(0x3F8, AccessSize::Byte, value);
    }

    assert_eq!(bench.effects.attention(), Attention::MESSAGES | Attention::POWER | Attention::RETURNED);
    assert_eq!(bench.sent(), vec![7]);
    assert_eq!(bench.effects.take_power(), Some(PowerRequest::Off));
    assert_eq!(bench.effects.drain_returned().count(), 1);
    assert_eq!(bench.effects.attention(), Attention::empty());
}

#[test]
fn an_eoi_reaches_the_controller() {
    let mut bench = Bench::new();

    bench.with(|bus, context| bus.end_of_interrupt(0x51, context));

    assert_eq!(bench.sent(), vec![0x51]);
}

#[test]
fn only_devices_whose_deadline_passed_are_advanced() {
    let mut bench = Bench::new();
    let first = bench.first;
    bench.bus.device_mut(first).deadline = Nanos::new(100);
    assert_eq!(bench.bus.deadline(), Nanos::new(100));
    bench.now = Nanos::new(99);
    bench.with(|bus, context| bus.advance(context));
    assert_eq!(bench.sent(), vec![]);

    bench.now = Nanos::new(100);
    bench.with(|bus, context| bus.advance(context));

    assert_eq!(bench.sent(), vec![5]);
    assert_eq!(bench.bus.deadline(), Nanos::MAX);
}

#[test]
fn a_doorbell_reaches_its_device() {
    let mut bench = Bench::new();
    let second = bench.second;

    bench.with(|bus, context| bus.notify(second.index(), 9, context));

    assert_eq!(bench.bus.device_mut(second).notified, vec![9]);
}

#[test]
fn functions_are_found_by_ports_and_by_ecam() {
    let mut bench = Bench::new();
    bench.output(0xCF8, AccessSize::Dword, 0x8000_1800);
    assert_eq!(bench.input(0xCF8, AccessSize::Dword), 0x8000_1800);

    assert_eq!(bench.input(0xCFC, AccessSize::Dword), 0x5678_1234);
    assert_eq!(bench.input(0xCFE, AccessSize::Word), 0x5678);
    assert_eq!(bench.load(ECAM + 3 * SLOT_BYTES, AccessSize::Dword), 0x5678_1234);
    assert_eq!(bench.load(ECAM + 3 * SLOT_BYTES + 0x100, AccessSize::Dword), 0, "no extended capability");
    assert_eq!(bench.load(ECAM + SLOT_BYTES, AccessSize::Dword), 0xFFFF_FFFF, "an empty slot");
    assert_eq!(bench.load(ECAM + 3 * SLOT_BYTES + 0x1000, AccessSize::Dword), 0xFFFF_FFFF, "function 1");
    bench.output(0xCF8, AccessSize::Dword, 0x0000_1800);
    assert_eq!(bench.input(0xCFC, AccessSize::Dword), 0xFFFF_FFFF, "not enabled");
    bench.output(0xCF8, AccessSize::Dword, 0x8001_1800);
    assert_eq!(bench.input(0xCFC, AccessSize::Dword), 0xFFFF_FFFF, "bus 1");
}

#[test]
fn a_window_moves_with_its_bar_and_hides_nothing_else() {
    let mut bench = Bench::new();
    let function = ECAM + 3 * SLOT_BYTES;
    bench.store(function + 0x10, AccessSize::Dword, 0xC000_0000);
    bench.store(function + 0x14, AccessSize::Dword, 0xC001);
    assert_eq!(bench.load(0xC000_0004, AccessSize::Dword), 0xFFFF_FFFF, "not decoded yet");

    bench.store(function + 4, AccessSize::Word, 3);
    assert_eq!(bench.load(0xC000_0004, AccessSize::Dword), 0x5A04);
    assert_eq!(bench.input(0xC003, AccessSize::Word), 0x5A13);

    bench.store(function + 0x10, AccessSize::Dword, 0xD000_0000);
    assert_eq!(bench.load(0xC000_0004, AccessSize::Dword), 0xFFFF_FFFF);
    assert_eq!(bench.load(0xD000_0004, AccessSize::Dword), 0x5A04);

    bench.store(function + 0x10, AccessSize::Dword, 0xFEC0_0000);
    assert_eq!(bench.load(0xFEC0_0010, AccessSize::Dword), 0xC0, "the controller is still there");
}

#[test]
fn a_window_that_another_one_covered_appears_when_that_one_moves_away() {
    let mut bench = Bench::new();
    for function in [ECAM, ECAM + 3 * SLOT_BYTES] {
        bench.store(function + 0x10, AccessSize::Dword, 0xC000_0000);
        bench.store(function + 4, AccessSize::Word, 2);
    }

    bench.store(ECAM + 0x10, AccessSize::Dword, 0xC100_0000);

    assert_eq!(bench.load(0xC000_0000, AccessSize::Dword), 0x5A00);
    assert_eq!(bench.load(0xC100_0000, AccessSize::Dword), 0x5A00);
}

#[test]
fn what_overlaps_is_refused_at_construction() {
    let mut bench = Bench::new();
    let first = bench.first;

    assert!(matches!(bench.bus.map_ports(first, Region(0), 0x3FF, 4), Err(BusError::Range(_))));
    assert!(matches!(bench.bus.add_function(slot(3), Function::new()), Err(BusError::PlaceTaken)));
}

#[test]
fn a_reset_lowers_pins_and_unmaps_windows() {
    let mut bench = Bench::new();
    bench.output(0x3F8, AccessSize::Byte, 1);
    bench.store(ECAM + 0x10, AccessSize::Dword, 0xC000_0000);
    bench.store(ECAM + 4, AccessSize::Word, 2);

    bench.with(|bus, context| bus.reset(context));

    assert_eq!(bench.sent(), vec![], "an interrupt from before the reset is not delivered after it");
    assert_eq!(bench.bus.pin_level(5), Level::Low);
    assert_eq!(bench.load(0xC000_0000, AccessSize::Dword), 0xFFFF_FFFF);
}

#[test]
fn a_saved_machine_is_restored_with_windows_and_pins() {
    let mut bench = Bench::new();
    bench.output(0x3F8, AccessSize::Byte, 1);
    bench.store(ECAM + 3 * SLOT_BYTES + 0x10, AccessSize::Dword, 0xC000_0000);
    bench.store(ECAM + 3 * SLOT_BYTES + 4, AccessSize::Word, 2);
    let mut writer = SnapshotWriter::new();
    assert_eq!(bench.bus.save(&mut writer), Ok(()));
    let bytes = writer.finish();

    let mut twin = Bench::new();
    let snapshot = Snapshot::parse(&bytes);
    let restored = snapshot.and_then(|snapshot| {
        snapshot.refuse_unknown(|name, instance| twin.bus.knows_section(name, instance))?;
        twin.bus.restore(&snapshot)
    });

    assert_eq!(restored, Ok(()));
    assert_eq!(twin.load(0xC000_0000, AccessSize::Dword), 0x5A00);
    assert_eq!(twin.bus.pin_level(5), Level::High);
    assert_eq!(twin.input(0x3F8, AccessSize::Byte), 1);
}

#[test]
fn a_machine_with_other_devices_does_not_take_the_state() {
    let bench = Bench::new();
    let mut writer = SnapshotWriter::new();
    assert_eq!(bench.bus.save(&mut writer), Ok(()));
    let bytes = writer.finish();
    let Ok(bus) = Bus::new(Box::new(Controller), Gpa::new(0), 1) else { panic!("an empty bus") };

    let answer = Snapshot::parse(&bytes)
        .and_then(|snapshot| snapshot.refuse_unknown(|name, instance| bus.knows_section(name, instance)));

    assert_eq!(answer, Err(RestoreError::UnknownSection));
}

#[test]
fn inspect_shows_every_device() {
    let bench = Bench::new();
    let mut tree = TextInspector::new();

    bench.bus.inspect(&mut tree);

    assert_eq!(tree.lines().matches("register:").count(), 2);
    assert_eq!(tree.lines().matches("function:").count(), 2);
}

proptest! {
    #[test]
    fn no_sequence_of_accesses_panics(
        accesses in prop::collection::vec((0u8..4, prop_oneof![0xCF8u64..0xD00, 0x3F8u64..0x400, ECAM..ECAM + 0x40, ECAM + 3 * SLOT_BYTES..ECAM + 3 * SLOT_BYTES + 0x40, any::<u64>()], 0usize..4, any::<u64>()), 0..200)
    ) {
        let mut bench = Bench::new();
        let sizes = [AccessSize::Byte, AccessSize::Word, AccessSize::Dword, AccessSize::Qword];
        for (kind, address, size, value) in accesses {
            let size = sizes[size];
            match kind {
                0 => { bench.input(address as u16, size.min(AccessSize::Dword)); }
                1 => bench.output(address as u16, size.min(AccessSize::Dword), value as u32),
                2 => { prop_assert_eq!(bench.load(address, size) & !size.ones(), 0); }
                _ => bench.store(address, size, value),
            }
            bench.effects.drain_messages();
            bench.effects.drain_returned();
        }
    }
}

#[test]
fn a_source_that_is_cut_off_is_heard_again_when_it_is_connected() {
    let mut bench = Bench::new();
    let line = Line { pin: 5, source: 0 };
    bench.output(0x3F8, AccessSize::Byte, 1);
    assert_eq!(bench.bus.pin_level(5), Level::High);

    let mute = |bench: &mut Bench, is_muted| {
        bench.effects.mute_line(line, is_muted);
        bench.with(|bus, context| bus.settle(context));
        bench.bus.pin_level(5)
    };

    assert_eq!(mute(&mut bench, true), Level::Low);
    assert_eq!(mute(&mut bench, false), Level::High);
}
