//! The board as a whole: devices, lines, messages, and the whole of it saved and restored.

use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Attention, Bus, BusError, Context, DeviceId, Effects, FlatMemory, Line, PowerRequest, Region,
    pci::Place,
};
use vmm_chipset::{HostBridge, IoApic, KeyboardController, PowerManagement, Rtc, Uart, UnixSeconds, pm};
use vmm_snapshot::{Snapshot, SnapshotWriter};

const IOAPIC: u64 = 0xFEC0_0000;
const ECAM: u64 = 0xE000_0000;
const PM_BASE: u16 = 0x600;

struct Board {
    bus: Bus,
    uart: DeviceId<Uart>,
    pm: DeviceId<PowerManagement>,
    effects: Effects,
    memory: FlatMemory,
    now: Nanos,
}

fn build() -> Result<(Bus, DeviceId<Uart>, DeviceId<PowerManagement>), BusError> {
    let mut bus = Bus::new(Box::new(IoApic::new()), Gpa::new(IOAPIC), vmm_chipset::ioapic::ADDRESS_BYTES)?;
    bus.map_ecam(Gpa::new(ECAM))?;
    let uart = bus.add(Uart::new(Line { pin: 4, source: 0 }))?;
    bus.map_ports(uart, Region(0), 0x3F8, vmm_chipset::uart16550::REGISTERS)?;
    let rtc = bus.add(Rtc::new(Line { pin: 8, source: 0 }, UnixSeconds(1_700_000_000), Nanos::ZERO))?;
    bus.map_ports(rtc, Region(0), 0x70, vmm_chipset::rtc::PORTS)?;
    let pm = bus.add(PowerManagement::new(Line { pin: 9, source: 0 }))?;
    bus.map_ports(pm, pm::EVENT_REGION, PM_BASE, pm::EVENT_BYTES)?;
    bus.map_ports(pm, pm::CONTROL_REGION, PM_BASE + 4, pm::CONTROL_BYTES)?;
    bus.map_ports(pm, pm::TIMER_REGION, PM_BASE + 8, pm::TIMER_BYTES)?;
    bus.map_ports(pm, pm::RESET_REGION, pm::RESET_PORT, 1)?;
    let keyboard = bus.add(KeyboardController)?;
    bus.map_ports(keyboard, Region(0), vmm_chipset::keyboard_controller::PORT, 1)?;
    if let Some(slot) = Place::slot(0) {
        bus.add_function(slot, HostBridge::new())?;
    }
    Ok((bus, uart, pm))
}

impl Board {
    fn new() -> Self {
        let (bus, uart, pm) = build().unwrap_or_else(|error| panic!("{error:?}"));
        let memory = FlatMemory::new(Gpa::new(0), 0);
        Self { bus, uart, pm, effects: Effects::new(), memory, now: Nanos::ZERO }
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut Bus, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        run(&mut self.bus, &mut context)
    }

    fn output(&mut self, port: u16, size: AccessSize, value: u32) {
        self.with(|bus, context| bus.port_write(port, size, value, context));
    }

    fn input(&mut self, port: u16, size: AccessSize) -> u32 {
        self.with(|bus, context| bus.port_read(port, size, context))
    }

    fn redirect(&mut self, pin: u64, entry: u64) {
        for (index, value) in [(0x10 + pin * 2, entry), (0x11 + pin * 2, entry >> 32)] {
            self.with(|bus, context| {
                bus.memory_write(Gpa::new(IOAPIC), AccessSize::Dword, index, context);
                bus.memory_write(Gpa::new(IOAPIC + 0x10), AccessSize::Dword, value, context);
            });
        }
    }

    fn vectors(&mut self) -> Vec<u32> {
        self.effects.drain_messages().map(|message| message.data & 0xFF).collect()
    }

    fn press_power_button(&mut self) {
        let pm = self.pm;
        self.with(|bus, context| {
            bus.device_mut(pm).press_power_button(context.effects);
            bus.settle(context);
        });
    }
}

#[test]
fn a_typed_character_interrupts_and_is_read() {
    let mut board = Board::new();
    board.redirect(4, 0x34);
    board.output(0x3FC, AccessSize::Byte, 0x08);
    board.output(0x3F9, AccessSize::Byte, 0x01);

    let uart = board.uart;
    board.with(|bus, context| {
        bus.device_mut(uart).receive(b"x", context.effects);
        bus.settle(context);
    });

    assert_eq!(board.vectors(), [0x34]);
    assert_eq!(board.input(0x3F8, AccessSize::Byte), u32::from(b'x'));
    assert_eq!(board.input(0x3FA, AccessSize::Byte) & 1, 1, "nothing more to report");
}

#[test]
fn a_port_that_nobody_owns_costs_no_effect() {
    let mut board = Board::new();
    board.output(0x80, AccessSize::Byte, 1);
    board.output(0x511, AccessSize::Byte, 1);

    assert_eq!(board.input(0x61, AccessSize::Byte), 0xFF);
    assert_eq!(board.effects.attention(), Attention::empty());
}

#[test]
fn the_power_button_interrupts_by_level_until_it_is_acknowledged() {
    let mut board = Board::new();
    board.redirect(9, 0x8059);
    board.output(PM_BASE + 2, AccessSize::Word, 0x100);
    board.press_power_button();
    assert_eq!(board.vectors(), [0x59]);

    board.with(|bus, context| bus.end_of_interrupt(0x59, context));
    assert_eq!(board.vectors(), [0x59], "still pressed: again");
    board.output(PM_BASE, AccessSize::Word, 0x100);
    board.with(|bus, context| bus.end_of_interrupt(0x59, context));

    assert_eq!(board.vectors(), []);
}

#[test]
fn four_ways_lead_off_or_to_a_reset() {
    for (port, size, value, expected) in [
        (0x64, AccessSize::Byte, 0xFE, PowerRequest::Reset),
        (0xCF9, AccessSize::Byte, 0x06, PowerRequest::Reset),
        (PM_BASE + 4, AccessSize::Word, 5 << 10 | 1 << 13, PowerRequest::Off),
        (PM_BASE + 5, AccessSize::Byte, (5 << 10 | 1 << 13) >> 8, PowerRequest::Off),
    ] {
        let mut board = Board::new();
        board.output(port, size, value);
        assert_eq!(board.effects.take_power(), Some(expected), "port {port:#x}");
    }
}

#[test]
fn the_host_bridge_is_found() {
    let mut board = Board::new();
    board.output(0xCF8, AccessSize::Dword, 0x8000_0008);

    assert_eq!(board.input(0xCFC, AccessSize::Dword) >> 8, 0x06_00_00);
}

#[test]
fn a_board_saved_in_the_middle_of_an_interrupt_goes_on() {
    let mut board = Board::new();
    board.redirect(9, 0x8059);
    board.output(PM_BASE + 2, AccessSize::Word, 0x100);
    board.press_power_button();
    assert_eq!(board.vectors(), [0x59]);
    let mut writer = SnapshotWriter::new();
    assert_eq!(board.bus.save(&mut writer), Ok(()));

    let mut twin = Board::new();
    let bytes = writer.finish();
    let restored = Snapshot::parse(&bytes).and_then(|snapshot| twin.bus.restore(&snapshot));

    assert_eq!(restored, Ok(()));
    twin.with(|bus, context| bus.end_of_interrupt(0x59, context));
    assert_eq!(twin.vectors(), [0x59], "the button is still pressed");
}

#[test]
fn a_reset_board_asks_for_no_wake_up() {
    let mut board = Board::new();
    board.output(0x70, AccessSize::Byte, 0x0B);
    board.output(0x71, AccessSize::Byte, 0x42);
    assert_eq!(board.bus.deadline(), Nanos::MAX, "the pin is masked");
    board.redirect(8, 0x38);
    assert_ne!(board.bus.deadline(), Nanos::MAX);

    board.with(|bus, context| bus.reset(context));

    assert_eq!(board.bus.deadline(), Nanos::MAX);
}
