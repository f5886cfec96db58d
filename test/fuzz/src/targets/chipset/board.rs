//! The chipset of a PC, put together as the VMM does it.

use super::event::Event;
use crate::pair::{self, Restorable};
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Attention, Bus, BusError, ByteVolume, Context, DeviceId, DirectId, DirectRange, Effects,
    FlatMemory, Level, Line, Msi, PowerRequest, Region, VecMemory, pci::Place, volume::Access,
};
use vmm_chipset::{
    DebugPort, Floppy, Hpet, I8042, Lpc, Mch, PcInterrupts, Pit, RootPort, Rtc, UnixSeconds, debug_port,
    floppy::{self, Disk},
    hpet, i8042, interrupts, ioapic, lpc,
    mch::{self, Shadow},
    pit, rtc,
};
use vmm_nvme::{Nvme, NvmeConfig};
use vmm_snapshot::RestoreError;

/// Guest RAM, from address 0 on.
const RAM_BYTES: usize = 0x1_0000;
/// Bytes of the floppy: the smallest disk.
const FLOPPY_BYTES: usize = 327_680;
/// Bytes of the disk behind the root port.
const NVME_BYTES: usize = 0x1_0000;
/// Messages that one event may cause at the most: one for each command of the NVMe controller's queues.
const MESSAGES_MAX: usize = 4096;
/// The day on which all these machines start: 2026-01-02.
const STARTED: UnixSeconds = UnixSeconds(1_767_312_000);
/// Ports of the floppy and DMA controllers.
pub(super) const FLOPPY_PORTS: [u16; 20] = [
    0x3F0, 0x3F2, 0x3F3, 0x3F4, 0x3F5, 0x3F7, 0x00, 0x04, 0x05, 0x08, 0x0A, 0x0B, 0x0C, 0x0D, 0x0F, 0x81,
    0x87, 0x8B, 0xC4, 0xD6,
];
/// What firmware writes first: interrupt controllers, timer, keyboard, clock, power management, floppy.
const SET_UP: [(u16, u32); 36] = [
    (0x20, 0x11),
    (0x21, 0x08),
    (0x21, 0x04),
    (0x21, 0x01),
    (0x21, 0x00),
    (0xA0, 0x11),
    (0xA1, 0x70),
    (0xA1, 0x02),
    (0xA1, 0x01),
    (0xA1, 0x00),
    (0x43, 0x34),
    (0x40, 0x00),
    (0x40, 0x10),
    (0x61, 0x01),
    (0x43, 0xB6),
    (0x42, 0x10),
    (0x42, 0x02),
    (0x64, 0x60),
    (0x60, 0x47),
    (0x64, 0xD4),
    (0x60, 0xF4),
    (0x70, 0x0B),
    (0x71, 0x42),
    (0xB2, 0x02),
    (0x3F2, 0x1C),
    (0x3F7, 0x02),
    (0x0C, 0x00),
    (0x0B, 0x46),
    (0x04, 0x00),
    (0x04, 0x40),
    (0x81, 0x00),
    (0x05, 0xFF),
    (0x05, 0x03),
    (0x0A, 0x02),
    (0x602, 0x21),
    (0x603, 0x01),
];
/// Configuration registers that firmware writes: where things are, and the buses.
const SET_UP_FUNCTIONS: [(u32, u32); 13] = [
    (0x8000_F840, 0x601),
    (0x8000_F844, 0x80),
    (0x8000_F8F0, 0xFED1_C001),
    (0x8000_F860, 0x0B0A_0B0A),
    (0x8000_0060, 0xB000_0001),
    (0x8000_1018, 0x0001_0100),
    (0x8000_F868, 0x0B0A_0B0A),
    (0x8000_1020, 0xC000_C000),
    (0x8000_1024, 0x0001_FFF1),
    (0x8000_1004, 0x0000_0007),
    (0x8001_0010, NVME_START as u32),
    (0x8001_0014, 0x0000_0000),
    (0x8001_0004, 0x0000_0006),
];
/// Where firmware puts the registers of the disk behind the root port.
pub(super) const NVME_START: u64 = 0xC000_0000;
/// How firmware sets that disk up: its first pair of queues, interrupts, on.
const SET_UP_NVME: [(u64, u64); 5] =
    [(0x24, 0x000F_000F), (0x28, 0x1000), (0x30, 0x2000), (0x10, 0xFFFF_FFFF), (0x14, 0x0046_0001)];

type Disks = ByteVolume<Vec<u8>>;

/// What can be seen of an event from outside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Observation {
    value: u64,
    messages: Vec<Msi>,
    power: Option<PowerRequest>,
    pins: Vec<bool>,
    direct: Vec<DirectRange>,
    wants_acknowledge: bool,
    deadline: u64,
    log: Vec<u8>,
}

/// Devices that the outside talks to.
struct Named {
    keyboard: DeviceId<I8042>,
    floppy: DeviceId<Floppy<Disks>>,
    chipset: DeviceId<Lpc>,
    log: DeviceId<DebugPort>,
}

/// The board, its memory and its clock.
pub(super) struct Board {
    bus: Bus,
    named: Named,
    memory: FlatMemory,
    effects: Effects,
    now: Nanos,
}

fn isa(pin: u8) -> Line {
    Line { pin, source: 0 }
}

fn place(slot: u8) -> Place {
    Place::slot(slot).unwrap_or_else(|| panic!("slots go to 31"))
}

fn build(floppy: Vec<u8>, now: Nanos) -> Result<(Bus, Named), BusError> {
    let mut bus = Bus::new(Box::new(PcInterrupts::new()), Gpa::new(0xFEC0_0000), ioapic::ADDRESS_BYTES)?;
    bus.map_controller_ports(interrupts::FIRST_REGION, interrupts::FIRST_PORT, interrupts::PORTS)?;
    bus.map_controller_ports(interrupts::SECOND_REGION, interrupts::SECOND_PORT, interrupts::PORTS)?;
    bus.map_controller_ports(interrupts::TRIGGER_REGION, interrupts::TRIGGER_PORT, interrupts::PORTS)?;
    add_timers(&mut bus, now)?;
    let keyboard = bus.add(I8042::new(isa(1), isa(12)))?;
    bus.map_ports(keyboard, i8042::DATA_REGION, i8042::DATA_PORT, 1)?;
    bus.map_ports(keyboard, i8042::COMMAND_REGION, i8042::COMMAND_PORT, 1)?;
    bus.map_ports(keyboard, i8042::FAST_REGION, i8042::FAST_PORT, 1)?;
    let disk = Disk::new(ByteVolume::new(floppy), Access::ReadWrite);
    let floppy = bus.add(Floppy::new(isa(6), [disk, None]))?;
    for (first, count) in floppy::PORTS {
        bus.map_ports(floppy, floppy::region(first), first, count)?;
    }
    let log = bus.add(DebugPort::new())?;
    bus.map_ports(log, debug_port::REGION, debug_port::FIRMWARE_PORT, 1)?;
    bus.map_ports(log, debug_port::REGION, debug_port::BOCHS_PORT, 1)?;
    let rom = Box::new(VecMemory::new(DirectId(1), vec![0x55; mch::SHADOW_BYTES as usize / 2]));
    let shadow = Shadow::new(DirectId(0), rom, mch::SHADOW_BYTES);
    let hub = bus.add_function(place(0), Mch::new(Gpa::new(RAM_BYTES as u64), shadow))?;
    bus.map_memory(hub, mch::SHADOW_REGION, mch::SHADOW_START, mch::SHADOW_BYTES)?;
    let chipset = bus.add_function(place(31), Lpc::new(isa(9)))?;
    bus.map_ports(chipset, lpc::RESET_REGION, lpc::RESET_PORT, 1)?;
    bus.map_ports(chipset, lpc::SMI_REGION, lpc::SMI_PORT, lpc::SMI_PORTS)?;
    let port = bus.add_function(place(2), RootPort::new(place(2), 1, 22))?;
    let config = NvmeConfig { access: Access::ReadOnly, serial: [b's'; 20] };
    let disk = ByteVolume::new(vec![0x3C; NVME_BYTES]);
    bus.add_function_behind(port, place(0), Nvme::new(config, Line { pin: 22, source: 2 }, disk))?;
    Ok((bus, Named { keyboard, floppy, chipset, log }))
}

fn add_timers(bus: &mut Bus, now: Nanos) -> Result<(), BusError> {
    let timer = bus.add(Pit::new(isa(0)))?;
    bus.map_ports(timer, pit::COUNTERS_REGION, pit::COUNTERS_PORT, pit::COUNTERS_PORTS)?;
    bus.map_ports(timer, pit::CONTROL_REGION, pit::CONTROL_PORT, 1)?;
    let clock = bus.add(Rtc::new(isa(8), STARTED, now).with_memory(&[(0x10, 0x40)]))?;
    bus.map_ports(clock, rtc::CLOCK_REGION, 0x70, rtc::PORTS)?;
    bus.map_ports(clock, rtc::EXTENDED_REGION, rtc::EXTENDED_PORT, rtc::PORTS)?;
    let timers = bus.add(Hpet::new(hpet::Wiring { first_source: 40, timer: isa(0), clock: isa(8) }))?;
    bus.map_memory(timers, Region(0), hpet::ADDRESS, hpet::ADDRESS_BYTES)
}

impl Restorable for Board {
    type Event<'a> = Event;
    type Seen = Observation;

    fn is_restore(event: Event) -> bool {
        event == Event::SaveAndRestore
    }

    fn perform(&mut self, event: Event) -> Observation {
        let mut seen = Observation::default();
        match event {
            Event::PortRead(port, size) => {
                let size = size.min(AccessSize::Dword);
                seen.value = u64::from(self.act(|bus, context| bus.port_read(port, size, context)));
                assert_eq!(seen.value, size.cut(seen.value), "a read of more than was asked for");
            }
            Event::PortWrite(port, size, value) => self.output(port, size.min(AccessSize::Dword), value),
            Event::Read(at, size) => {
                seen.value = self.act(|bus, context| bus.memory_read(Gpa::new(at), size, context));
                assert_eq!(seen.value, size.cut(seen.value), "a read of more than was asked for");
            }
            Event::Write(at, size, value) => {
                self.act(|bus, context| bus.memory_write(Gpa::new(at), size, value, context));
            }
            Event::Configure(address, value) => self.configure(address, value),
            Event::SetUp => self.set_up(),
            Event::Advance(nanos) => self.advance_to(self.now.saturating_add(Nanos::new(nanos))),
            Event::AdvanceToDeadline => {
                let deadline = self.bus.deadline();
                if deadline != Nanos::MAX {
                    self.advance_to(deadline.max(self.now));
                }
            }
            Event::Reset => self.act(Bus::reset),
            Event::SaveAndRestore => {}
            _ => self.act_from_outside(event, &mut seen),
        }
        self.look(&mut seen);
        seen
    }

    fn save(&self) -> Vec<u8> {
        pair::save(&self.bus)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        pair::restore(&mut self.bus, state)
    }

    fn renewed(&mut self) -> Self {
        Self::with(self.floppy().to_vec(), pair::copy(&self.memory, RAM_BYTES), self.now)
    }

    fn surroundings(&mut self) -> Vec<Vec<u8>> {
        vec![pair::content(&self.memory, RAM_BYTES), self.floppy().to_vec()]
    }
}

impl Board {
    /// A board after power-on.
    ///
    /// # Panics
    /// If the devices do not fit together: a mistake of ours.
    pub(super) fn new() -> Self {
        // Each sector is full of its number.
        let floppy = (0..FLOPPY_BYTES).map(|index| (index / 512 % 256) as u8).collect();
        Self::with(floppy, FlatMemory::new(Gpa::new(0), RAM_BYTES), Nanos::ZERO)
    }

    fn with(floppy: Vec<u8>, memory: FlatMemory, now: Nanos) -> Self {
        match build(floppy, now) {
            Ok((bus, named)) => Self { bus, named, memory, effects: Effects::new(), now },
            Err(error) => panic!("the board cannot be built: {error:?}"),
        }
    }

    fn floppy(&mut self) -> &[u8] {
        match self.bus.device_mut(self.named.floppy).disk(0) {
            Some(disk) => disk.volume().content(),
            None => panic!("the floppy is gone"),
        }
    }

    fn act<R>(&mut self, act: impl FnOnce(&mut Bus, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
        act(&mut self.bus, &mut context)
    }

    fn output(&mut self, port: u16, size: AccessSize, value: u32) {
        self.act(|bus, context| bus.port_write(port, size, value, context));
    }

    fn configure(&mut self, address: u32, value: u32) {
        self.output(0xCF8, AccessSize::Dword, address);
        self.output(0xCFC, AccessSize::Dword, value);
    }

    fn set_up(&mut self) {
        for (address, value) in SET_UP_FUNCTIONS {
            self.configure(address, value);
        }
        for (port, value) in SET_UP {
            self.output(port, AccessSize::Byte, value);
        }
        for (register, value) in SET_UP_NVME {
            let at = Gpa::new(NVME_START + register);
            self.act(|bus, context| bus.memory_write(at, AccessSize::Dword, value, context));
        }
    }

    /// Time passes; whoever wants to be woken is.
    fn advance_to(&mut self, now: Nanos) {
        self.now = now;
        self.act(Bus::advance);
        assert!(self.bus.deadline() > now, "somebody wants to be woken again at once");
    }

    fn act_from_outside(&mut self, event: Event, seen: &mut Observation) {
        let Named { keyboard, chipset, log, .. } = self.named;
        seen.value = self.act(|bus, context| {
            let mut value = 0;
            match event {
                Event::Acknowledge => value = bus.acknowledge(context).map_or(0, u64::from),
                Event::EndOfInterrupt(vector) => bus.end_of_interrupt(vector, context),
                Event::Stroke(key, stroke) => {
                    value = u64::from(bus.device_mut(keyboard).stroke(key, stroke, context.effects));
                }
                Event::Move(motion) => bus.device_mut(keyboard).move_mouse(motion, context.effects),
                Event::PowerButton => bus.device_mut(chipset).press_power_button(context.effects),
                Event::TakeLog => {
                    let mut bytes = [0; 256];
                    value = bus.device_mut(log).take(&mut bytes) as u64;
                    seen.log.extend_from_slice(&bytes[..value as usize]);
                }
                _ => {}
            }
            bus.settle(context);
            value
        });
    }

    /// Takes the effects and checks what the chipset must keep.
    fn look(&mut self, seen: &mut Observation) {
        seen.messages.extend(self.effects.drain_messages());
        seen.power = self.effects.take_power();
        assert!(seen.messages.len() <= MESSAGES_MAX, "a storm of interrupts");
        seen.pins = (0..24).map(|pin| self.bus.pin_level(pin) == Level::High).collect();
        self.bus.direct_ranges(|range| seen.direct.push(range));
        seen.wants_acknowledge = self.bus.wants_acknowledge();
        seen.deadline = self.bus.deadline().raw();
        let attention = self.effects.take_attention();
        assert!(
            !attention.intersects(Attention::LINES | Attention::RETURNED),
            "effects that nobody carries out"
        );
        assert!(self.bus.device_mut(self.named.log).len() <= debug_port::LOG_BYTES);
    }
}
