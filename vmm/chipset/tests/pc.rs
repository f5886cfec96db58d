//! The chipset of a PC as a whole: what its parts promise each other.

use base_units::{Gpa, Nanos};
use vmm_bus::{AccessSize, Attention, Bus, BusError, Context, Effects, FlatMemory, Line, Region};
use vmm_chipset::{Hpet, PcInterrupts, Pit, hpet, interrupts, pit};

const IOAPIC: u64 = 0xFEC0_0000;

struct Board {
    bus: Bus,
    effects: Effects,
    memory: FlatMemory,
    now: Nanos,
}

fn build() -> Result<Bus, BusError> {
    let mut bus =
        Bus::new(Box::new(PcInterrupts::new()), Gpa::new(IOAPIC), vmm_chipset::ioapic::ADDRESS_BYTES)?;
    for (region, port) in [
        (interrupts::FIRST_REGION, interrupts::FIRST_PORT),
        (interrupts::SECOND_REGION, interrupts::SECOND_PORT),
        (interrupts::TRIGGER_REGION, interrupts::TRIGGER_PORT),
    ] {
        bus.map_controller_ports(region, port, interrupts::PORTS)?;
    }
    let timer = bus.add(Pit::new(Line { pin: 0, source: 0 }))?;
    bus.map_ports(timer, pit::COUNTERS_REGION, pit::COUNTERS_PORT, pit::COUNTERS_PORTS)?;
    bus.map_ports(timer, pit::CONTROL_REGION, pit::CONTROL_PORT, 1)?;
    let wiring = hpet::Wiring {
        first_source: 40,
        timer: Line { pin: 0, source: 0 },
        clock: Line { pin: 8, source: 0 },
    };
    let timers = bus.add(Hpet::new(wiring))?;
    bus.map_memory(timers, Region(0), hpet::ADDRESS, hpet::ADDRESS_BYTES)?;
    Ok(bus)
}

impl Board {
    /// A board whose 8259s were initialized as firmware does it, with everything masked but the cascade.
    fn new() -> Self {
        let bus = build().unwrap_or_else(|error| panic!("{error:?}"));
        let memory = FlatMemory::new(Gpa::new(0), 0x10000);
        let mut board = Self { bus, effects: Effects::new(), memory, now: Nanos::ZERO };
        for (port, words) in [(0x20, [0x11, 0x08, 4, 1, 0xFB]), (0xA0, [0x11, 0x70, 2, 1, 0xFF])] {
            for (index, word) in words.into_iter().enumerate() {
                board.output(port + u16::from(index != 0), word);
            }
        }
        board
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut Bus, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        run(&mut self.bus, &mut context)
    }

    fn output(&mut self, port: u16, value: u32) {
        self.with(|bus, context| bus.port_write(port, AccessSize::Byte, value, context));
    }

    fn input(&mut self, port: u16) -> u32 {
        self.with(|bus, context| bus.port_read(port, AccessSize::Byte, context))
    }
}

#[test]
fn a_timer_that_nobody_listens_to_wakes_nobody() {
    let mut board = Board::new();
    for (port, value) in [(0x43, 0x34), (0x40, 0x00), (0x40, 0x10)] {
        board.output(port, value);
    }
    assert_eq!(board.bus.deadline(), Nanos::MAX);

    board.output(0x21, 0xFA);
    assert!(board.effects.take_attention().contains(Attention::DEADLINE));
    let deadline = board.bus.deadline();
    assert_ne!(deadline, Nanos::MAX);
    board.now = deadline;
    board.with(|bus, context| bus.advance(context));

    assert!(board.bus.wants_acknowledge());
    assert_eq!(board.with(|bus, context| bus.acknowledge(context)), Some(0x08));
}

#[test]
fn a_masked_timer_is_seen_by_those_who_poll_the_controller() {
    let mut board = Board::new();
    for (port, value) in [(0x43, 0x34), (0x40, 0x00), (0x40, 0x10), (0x20, 0x0A)] {
        board.output(port, value);
    }
    assert_eq!(board.input(0x20) & 1, 0);

    board.now = Nanos::from_millis(5);

    assert_eq!(board.input(0x20) & 1, 1);
}

#[test]
fn the_event_timers_take_the_place_of_the_8254() {
    let mut board = Board::new();
    board.output(0x21, 0xFA);
    for (port, value) in [(0x43, 0x34), (0x40, 0x00), (0x40, 0x10)] {
        board.output(port, value);
    }
    let mut set = |register: u64, value: u64| {
        let at = Gpa::new(hpet::ADDRESS.raw() + register);
        board.with(|bus, context| bus.memory_write(at, AccessSize::Qword, value, context));
    };
    set(0x100, 1 << 2);
    set(0x108, 10_000_000);
    set(0x10, 0b11);

    assert_eq!(board.bus.deadline(), Nanos::from_millis(100), "the 8254 is cut off");
    board.now = Nanos::from_millis(100);
    board.with(|bus, context| bus.advance(context));

    assert_eq!(board.with(|bus, context| bus.acknowledge(context)), Some(0x08));
    assert!(!board.bus.wants_acknowledge());
}
