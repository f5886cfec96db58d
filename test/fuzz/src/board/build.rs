//! Puts the board together.

use super::{Event, Observation};
use crate::pair::{self, Restorable};
use base_units::{Gpa, Nanos};
use vmm_bus::{AccessSize, Bus, ByteVolume, Context, DeviceId, Effects, FlatMemory, Line, Region};
use vmm_bus::{BusError, pci::Place, volume::Access};
use vmm_chipset::{
    HostBridge, IoApic, KeyboardController, PowerManagement, Rtc, Uart, UnixSeconds, ioapic,
    keyboard_controller, pm, rtc, uart16550,
};
use vmm_devices::{Balloon, Block, BlockConfig, Console, ConsoleSize, Entropy, Rng, virtio_blk::ID_BYTES};
use vmm_machine::{PciRole, PciSlots, layout};
use vmm_snapshot::RestoreError;
use vmm_virtio::VirtioPci;

/// Guest RAM, from address 0 on.
pub const RAM_BYTES: usize = 0x2_0000;
/// Bytes of each disk.
pub(super) const DISK_BYTES: usize = 16 * 1024;
/// Disks: the first can be written, the second cannot.
const DISKS: usize = 2;
/// What the read-only disk is full of.
pub(super) const READ_ONLY_BYTE: u8 = 0xA5;
/// Queues of each disk.
const DISK_QUEUES: u16 = 2;
/// The day on which all these machines start: 2026-01-02.
const STARTED: UnixSeconds = UnixSeconds(1_767_312_000);

/// A disk in memory.
pub(super) type Disk = VirtioPci<Block<ByteVolume<Vec<u8>>>>;

/// Random numbers that are not.
pub(super) struct Monotone;

impl Entropy for Monotone {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5A);
    }
}

/// The board, its memory and its clock.
pub struct Board {
    pub(super) bus: Bus,
    pub(super) memory: FlatMemory,
    pub(super) effects: Effects,
    pub(super) now: Nanos,
    pub(super) uart: DeviceId<Uart>,
    pub(super) power: DeviceId<PowerManagement>,
    pub(super) console: DeviceId<VirtioPci<Console>>,
    pub(super) balloon: DeviceId<VirtioPci<Balloon>>,
    pub(super) disks: Vec<DeviceId<Disk>>,
}

impl Board {
    /// A board after power-on, whose PCI functions firmware has given their windows.
    ///
    /// # Panics
    /// If the devices do not fit together: a mistake of ours.
    pub fn new() -> Self {
        let contents = [vec![0; DISK_BYTES], vec![READ_ONLY_BYTE; DISK_BYTES]];
        Self::with_parts(FlatMemory::new(Gpa::new(0), RAM_BYTES), contents, Nanos::ZERO)
    }

    /// A board with this memory, these disks and this time, whose devices are new.
    fn with_parts(memory: FlatMemory, contents: [Vec<u8>; DISKS], now: Nanos) -> Self {
        match Self::build(memory, contents, now) {
            Ok(board) => board,
            Err(error) => panic!("the board cannot be built: {error:?}"),
        }
    }

    /// What is on a disk.
    pub(super) fn disk_content(&mut self, index: usize) -> &[u8] {
        let id = self.disks[index];
        self.bus.device_mut(id).device().volume().content()
    }

    fn build(memory: FlatMemory, contents: [Vec<u8>; DISKS], now: Nanos) -> Result<Self, BusError> {
        let mut bus = Bus::new(Box::new(IoApic::new()), layout::IO_APIC_START, ioapic::ADDRESS_BYTES)?;
        bus.map_ecam(layout::ECAM_START)?;
        let uart = bus.add(Uart::new(fixed_line(layout::COM1_INTERRUPT)))?;
        bus.map_ports(uart, Region(0), layout::COM1_PORT, uart16550::REGISTERS)?;
        let clock = bus.add(Rtc::new(fixed_line(layout::RTC_INTERRUPT), STARTED, now))?;
        bus.map_ports(clock, Region(0), layout::RTC_PORT, rtc::PORTS)?;
        let power = add_power(&mut bus)?;
        let keyboard = bus.add(KeyboardController)?;
        bus.map_ports(keyboard, Region(0), keyboard_controller::PORT, 1)?;
        bus.add_function(slot(PciRole::HostBridge).0, HostBridge::new())?;
        let size = ConsoleSize { columns: 80, rows: 25 };
        let console = add(&mut bus, PciRole::Console, |line| VirtioPci::new(Console::new(size), line))?;
        add(&mut bus, PciRole::Entropy, |line| VirtioPci::new(Rng::new(Monotone), line))?;
        let balloon = add(&mut bus, PciRole::Balloon, |line| VirtioPci::new(Balloon::new(), line))?;
        let mut disks = Vec::new();
        for ((index, access), content) in
            [(0, Access::ReadWrite), (1, Access::ReadOnly)].into_iter().zip(contents)
        {
            let config = BlockConfig { access, id: [b'c'; ID_BYTES], queues: DISK_QUEUES };
            let device = Block::new(config, ByteVolume::new(content));
            disks.push(add(&mut bus, PciRole::Disk(index), |line| VirtioPci::new(device, line))?);
        }
        let effects = Effects::new();
        let mut board = Self { bus, memory, effects, now, uart, power, console, balloon, disks };
        board.assign_windows();
        Ok(board)
    }

    /// Gives every function its window, as firmware would.
    fn assign_windows(&mut self) {
        for slot in slots().filter(|slot| slot.role != PciRole::HostBridge) {
            let register = layout::ECAM_START.raw() + (u64::from(slot.device) << 15) + 0x10;
            let mut context = Context { now: self.now, memory: &self.memory, effects: &mut self.effects };
            self.bus.memory_write(Gpa::new(register), AccessSize::Dword, slot.window.raw(), &mut context);
        }
    }
}

impl Restorable for Board {
    type Event<'a> = Event<'a>;
    /// With the time at which a device wants to be called next.
    type Seen = (Observation, Nanos);

    fn is_restore(event: Event<'_>) -> bool {
        event == Event::SaveAndRestore
    }

    fn perform(&mut self, event: Event<'_>) -> (Observation, Nanos) {
        (self.perform(event), self.bus.deadline())
    }

    fn save(&self) -> Vec<u8> {
        pair::save(&self.bus)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        pair::restore(&mut self.bus, state)
    }

    fn renewed(&mut self) -> Self {
        let contents = [0, 1].map(|index| self.disk_content(index).to_vec());
        Self::with_parts(pair::copy(&self.memory, RAM_BYTES), contents, self.now)
    }

    fn surroundings(&mut self) -> Vec<Vec<u8>> {
        vec![pair::content(&self.memory, RAM_BYTES), self.disk_content(0).to_vec()]
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

fn add_power(bus: &mut Bus) -> Result<DeviceId<PowerManagement>, BusError> {
    let power = bus.add(PowerManagement::new(fixed_line(layout::SYSTEM_CONTROL_INTERRUPT)))?;
    bus.map_ports(power, pm::EVENT_REGION, layout::PM_EVENT_PORT, pm::EVENT_BYTES)?;
    bus.map_ports(power, pm::CONTROL_REGION, layout::PM_CONTROL_PORT, pm::CONTROL_BYTES)?;
    bus.map_ports(power, pm::TIMER_REGION, layout::PM_TIMER_PORT, pm::TIMER_BYTES)?;
    bus.map_ports(power, pm::RESET_REGION, layout::RESET_PORT, 1)?;
    Ok(power)
}

fn add<T: vmm_bus::Device>(
    bus: &mut Bus,
    role: PciRole,
    device: impl FnOnce(Line) -> T,
) -> Result<DeviceId<T>, BusError> {
    let (slot, line) = slot(role);
    bus.add_function(slot, device(line))
}

fn slots() -> impl Iterator<Item = vmm_machine::PciSlot> {
    PciSlots::new(DISKS).into_iter().flat_map(|slots| slots.iter())
}

/// The slot of a device and its interrupt line.
fn slot(role: PciRole) -> (Place, Line) {
    let planned = slots().find(|slot| slot.role == role);
    match planned.and_then(|planned| Some((Place::slot(planned.device)?, planned))) {
        Some((slot, planned)) => (slot, Line { pin: planned.interrupt as u8, source: planned.device }),
        None => panic!("the plan has no place for {role:?}"),
    }
}

fn fixed_line(pin: u32) -> Line {
    Line { pin: pin as u8, source: 0 }
}
