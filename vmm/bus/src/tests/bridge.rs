//! What a bridge lets through to the function behind it, and what it lets that function do.

use super::devices::Controller;
use crate::{
    AccessSize, Attention, Bus, Context, Device, DeviceId, Doorbell, Effects, FlatMemory, GuestMemory,
    Inspector, Msi, Region,
    pci::{Bridge, Forwarded, Place, Space, Window},
};
use alloc::{boxed::Box, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// A bridge that a test sets up.
struct Settable(Bridge);

/// A function with a window of memory and one of ports. What is written to either it writes to memory at 0, and
/// sends it as a message.
struct Writer(Vec<Window>);

impl Device for Settable {
    fn name(&self) -> &'static str {
        "bridge"
    }
    fn read(&mut self, _: Region, _: u64, _: AccessSize, _: &mut Context<'_>) -> u64 {
        0
    }
    fn write(&mut self, _: Region, _: u64, _: AccessSize, _: u64, _: &mut Context<'_>) {}
    fn reset(&mut self, _: &mut Context<'_>) {}
    fn save(&self) -> SavedState {
        SavedState::encode(1, &())
    }
    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        saved.decode(1)
    }
    fn inspect(&self, _: &mut dyn Inspector) {}
    fn bridge(&self) -> Option<Bridge> {
        Some(self.0)
    }
}

impl Device for Writer {
    fn name(&self) -> &'static str {
        "writer"
    }
    fn read(&mut self, _: Region, _: u64, _: AccessSize, _: &mut Context<'_>) -> u64 {
        0x5A
    }
    fn write(&mut self, _: Region, _: u64, _: AccessSize, value: u64, context: &mut Context<'_>) {
        let _ = context.memory.write_u8(Gpa::new(0), value as u8);
        context.effects.send(Msi { address: 0xFEE0_0000, data: value as u32 });
    }
    fn reset(&mut self, _: &mut Context<'_>) {}
    fn save(&self) -> SavedState {
        SavedState::encode(1, &())
    }
    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        saved.decode(1)
    }
    fn inspect(&self, _: &mut dyn Inspector) {}
    fn windows(&self) -> &[Window] {
        &self.0
    }
    fn doorbells(&self, visit: &mut dyn FnMut(Doorbell)) {
        for window in self.0.iter().filter(|window| window.space == Space::Memory) {
            visit(Doorbell { address: Gpa::new(window.start), bytes: 4, queue: 0 });
        }
    }
}

const MEMORY: u64 = 0xFE80_0000;
const PORT: u16 = 0x2000;
const OPEN: Bridge = Bridge {
    secondary: Some(1),
    memory: [Some(Forwarded { first: MEMORY, last: MEMORY + 0xF_FFFF }), None],
    ports: Some(Forwarded { first: 0x2000, last: 0x2FFF }),
    is_master: true,
};

struct Machine {
    bus: Bus,
    bridge: DeviceId<Settable>,
    memory: FlatMemory,
    effects: Effects,
}

impl Machine {
    fn new() -> Self {
        let place = Place::slot(1).unwrap();
        let mut bus = Bus::new(Box::new(Controller), Gpa::new(0xFEC0_0000), 0x1000).unwrap();
        let bridge = bus.add_function(place, Settable(OPEN)).unwrap();
        let window = |space, start, bytes| Window { region: Region(0), space, start, bytes };
        let windows =
            vec![window(Space::Memory, MEMORY, 0x1000), window(Space::Ports, u64::from(PORT), 0x20)];
        bus.add_function_behind(bridge, Place::slot(0).unwrap(), Writer(windows)).unwrap();
        let memory = FlatMemory::new(Gpa::new(0), 0x1000);
        Self { bus, bridge, memory, effects: Effects::new() }
    }

    fn set(&mut self, bridge: Bridge) {
        self.bus.device_mut(self.bridge).0 = bridge;
        self.effects.note(Attention::WINDOWS);
        self.with(|bus, context| bus.settle(context));
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Bus, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        let result = act(&mut self.bus, &mut context);
        self.effects.take_attention();
        result
    }

    /// Whether the function answers at its memory and at its ports, and can be rung.
    fn answers(&mut self) -> (bool, bool, bool) {
        let (memory, ports) = self.with(|bus, context| {
            let memory = bus.memory_read(Gpa::new(MEMORY), AccessSize::Byte, context);
            (memory == 0x5A, bus.port_read(PORT, AccessSize::Byte, context) == 0x5A)
        });
        let mut bells = 0;
        self.bus.doorbells(|_, _| bells += 1);
        (memory, ports, bells == 1)
    }
}

#[test]
fn windows_answer_within_the_ranges_of_the_bridge_only() {
    let mut machine = Machine::new();
    let range = |first, last| Some(Forwarded { first, last });
    let beside = [range(MEMORY + 0x10_0000, MEMORY + 0x1F_FFFF), None];
    let half = [range(MEMORY + 0x800, MEMORY + 0xF_FFFF), None];
    let prefetchable = [range(1, 0), range(0, u64::MAX)];
    for (bridge, expected) in [
        (OPEN, (true, true, true)),
        (Bridge { memory: [None; 2], ..OPEN }, (false, true, false)),
        (Bridge { memory: beside, ..OPEN }, (false, true, false)),
        (Bridge { memory: half, ..OPEN }, (false, true, false)),
        (Bridge { memory: prefetchable, ..OPEN }, (true, true, true)),
        (Bridge { ports: None, ..OPEN }, (true, false, true)),
        (Bridge { ports: range(0x3000, 0x2FFF), ..OPEN }, (true, false, true)),
        (Bridge::default(), (false, false, false)),
        (OPEN, (true, true, true)),
    ] {
        machine.set(bridge);
        assert_eq!(machine.answers(), expected, "{bridge:?}");
    }
}

#[test]
fn a_function_behind_a_bridge_that_is_no_master_reaches_nothing() {
    let mut machine = Machine::new();
    for (is_master, value) in [(true, 1), (false, 2), (true, 3), (false, 4)] {
        machine.set(Bridge { is_master, ..OPEN });
        machine.effects.send(Msi { address: 0, data: 0xFFFF });

        machine.with(|bus, context| bus.memory_write(Gpa::new(MEMORY), AccessSize::Byte, value, context));

        let written = machine.memory.read_u8(Gpa::new(0)).unwrap();
        let sent: Vec<u32> = machine.effects.drain_messages().map(|message| message.data).collect();
        if is_master {
            assert_eq!((u64::from(written), sent), (value, vec![0xFFFF, value as u32]));
        } else {
            assert_ne!(u64::from(written), value);
            assert_eq!(sent, [0xFFFF], "what others sent before is kept");
        }
    }
}
