//! Owns the devices of one machine and finds the one that answers.

use crate::{
    access::AccessSize,
    device::{Context, Device, Doorbell, Region},
    device_id::DeviceId,
    direct::DirectRange,
    effects::{Attention, LineEvent},
    inspect::Inspector,
    interrupt::{InterruptController, Level, Line, PinLevels},
    pci::{
        Bridge, Place, Space, Window,
        mechanism::{ConfigAddress, ConfigRegister, ECAM_BUS_BYTES},
    },
    range_table::{RangeError, RangeTable},
    reach::{DeviceSet, reach},
};
use alloc::{boxed::Box, vec::Vec};
use base_units::{Gpa, Nanos};
use core::any::Any;
use spec::pci::{PORT_CONFIG_ADDRESS, PORT_CONFIG_DATA};

/// Devices of one machine at the most.
pub const DEVICES_MAX: usize = 96;
/// The region of the interrupt controller's memory; [`Bus::map_controller_ports`] maps others.
const CONTROLLER_REGION: Region = Region(0);
/// Line changes that one access may cause at the most; more would be a device of ours gone wild.
const LINE_CHANGES_MAX: usize = 1024;

/// Why a device was not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BusError {
    /// There are [`DEVICES_MAX`] devices already.
    Full,
    /// Another function has this place.
    PlaceTaken,
    /// A register range could not be mapped.
    Range(RangeError),
}

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    /// A device's fixed range.
    Device { index: u16, region: Region },
    /// A window of a PCI function, moved by software.
    Window { index: u16, region: Region },
    /// The interrupt controller.
    Controller { region: Region },
    /// The configuration address at 0xCF8.
    ConfigAddress,
    /// The configuration data at 0xCFC.
    ConfigData,
    /// Memory-mapped configuration space at a fixed place.
    Ecam,
    /// The same where software wants it.
    EcamWindow,
}

/// A PCI function and its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seat {
    /// The bridge above, by index of the device; `None` on the root bus.
    behind: Option<u16>,
    place: Place,
    index: u16,
}

/// The devices of one machine.
pub struct Bus {
    controller: Box<dyn InterruptController>,
    devices: Vec<Box<dyn Device>>,
    seats: Vec<Seat>,
    ports: RangeTable<Target>,
    memory: RangeTable<Target>,
    pub(crate) pins: PinLevels,
    pub(crate) config_address: ConfigAddress,
    /// The devices that a bridge keeps from memory; follows the bridges.
    cut_off: DeviceSet,
    unclaimed: u64,
}

impl Bus {
    /// A machine with an interrupt controller at `controller_at` (`controller_bytes` long, its region 0), the
    /// PCI configuration ports and nothing else.
    pub fn new(
        controller: Box<dyn InterruptController>,
        controller_at: Gpa,
        controller_bytes: u64,
    ) -> Result<Self, BusError> {
        let mut bus = Self {
            controller,
            devices: Vec::new(),
            seats: Vec::new(),
            ports: RangeTable::new(),
            memory: RangeTable::new(),
            pins: PinLevels::default(),
            config_address: ConfigAddress::default(),
            cut_off: DeviceSet::default(),
            unclaimed: 0,
        };
        let controller = Target::Controller { region: CONTROLLER_REGION };
        bus.memory.insert(controller_at.raw(), controller_bytes, controller)?;
        // One port only for the address: 0xCF9 belongs to the reset register.
        bus.ports.insert(u64::from(PORT_CONFIG_ADDRESS), 1, Target::ConfigAddress)?;
        bus.ports.insert(u64::from(PORT_CONFIG_DATA), 4, Target::ConfigData)?;
        Ok(bus)
    }

    /// Lets configuration space of bus 0 answer at `at`.
    pub fn map_ecam(&mut self, at: Gpa) -> Result<(), BusError> {
        Ok(self.memory.insert(at.raw(), ECAM_BUS_BYTES, Target::Ecam)?)
    }

    /// Adds a device that has no address yet.
    pub fn add<T: Device>(&mut self, device: T) -> Result<DeviceId<T>, BusError> {
        let index = u16::try_from(self.devices.len()).map_err(|_| BusError::Full)?;
        if self.devices.len() >= DEVICES_MAX {
            return Err(BusError::Full);
        }
        self.devices.push(Box::new(device));
        Ok(DeviceId::new(index))
    }

    /// Adds a PCI function on the root bus.
    pub fn add_function<T: Device>(&mut self, place: Place, device: T) -> Result<DeviceId<T>, BusError> {
        self.add_seat(None, place, device)
    }

    /// Adds a PCI function on the bus behind a bridge.
    pub fn add_function_behind<T: Device, B: ?Sized>(
        &mut self,
        bridge: DeviceId<B>,
        place: Place,
        device: T,
    ) -> Result<DeviceId<T>, BusError> {
        self.add_seat(Some(bridge.index()), place, device)
    }

    fn add_seat<T: Device>(
        &mut self,
        behind: Option<u16>,
        place: Place,
        device: T,
    ) -> Result<DeviceId<T>, BusError> {
        if self.seats.iter().any(|seat| seat.behind == behind && seat.place == place) {
            return Err(BusError::PlaceTaken);
        }
        let id = self.add(device)?;
        self.seats.push(Seat { behind, place, index: id.index() });
        Ok(id)
    }

    /// Lets region `region` of the interrupt controller answer at `count` ports from `first` on.
    pub fn map_controller_ports(&mut self, region: Region, first: u16, count: u16) -> Result<(), BusError> {
        Ok(self.ports.insert(u64::from(first), u64::from(count), Target::Controller { region })?)
    }

    /// Lets region `region` of a device answer at `count` ports from `first` on.
    pub fn map_ports<T: ?Sized>(
        &mut self,
        id: DeviceId<T>,
        region: Region,
        first: u16,
        count: u16,
    ) -> Result<(), BusError> {
        let target = Target::Device { index: id.index(), region };
        Ok(self.ports.insert(u64::from(first), u64::from(count), target)?)
    }

    /// Lets region `region` of a device answer at `bytes` addresses from `start` on.
    pub fn map_memory<T: ?Sized>(
        &mut self,
        id: DeviceId<T>,
        region: Region,
        start: Gpa,
        bytes: u64,
    ) -> Result<(), BusError> {
        let target = Target::Device { index: id.index(), region };
        Ok(self.memory.insert(start.raw(), bytes, target)?)
    }

    /// The device behind an id. Call [`Bus::settle`] after changing it by hand with a context.
    ///
    /// # Panics
    /// If the id is not from this bus: a mistake of ours.
    pub fn device_mut<T: Device>(&mut self, id: DeviceId<T>) -> &mut T {
        let device =
            self.devices.get_mut(usize::from(id.index())).map(|device| &mut **device as &mut dyn Any);
        match device.and_then(|device| device.downcast_mut::<T>()) {
            Some(device) => device,
            None => panic!("a device id of another bus"),
        }
    }

    /// Handles IN. Nothing there: all ones.
    #[inline]
    pub fn port_read(&mut self, port: u16, size: AccessSize, context: &mut Context<'_>) -> u32 {
        let value = match self.ports.find(u64::from(port)) {
            Some((target, offset)) => self.read_target(target, offset, size, context),
            None => self.nothing_there(),
        };
        size.cut(value) as u32
    }

    /// Handles a repeated INS: an IN for each element of `into`.
    pub fn port_read_string(
        &mut self,
        port: u16,
        size: AccessSize,
        into: &mut [u8],
        context: &mut Context<'_>,
    ) {
        match self.ports.find(u64::from(port)) {
            Some((Target::Device { index, region } | Target::Window { index, region }, offset)) => {
                let is_cut_off = self.is_cut_off(index);
                if let Some(device) = self.devices.get_mut(usize::from(index)) {
                    reach(is_cut_off, context, |context| {
                        device.read_string(region, offset, size, into, context);
                    });
                }
                self.settle(context);
            }
            _ => size.fill(into, || u64::from(self.port_read(port, size, context))),
        }
    }

    /// Handles OUT.
    #[inline]
    pub fn port_write(&mut self, port: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        match self.ports.find(u64::from(port)) {
            Some((target, offset)) => {
                self.write_target(target, offset, size, size.cut(u64::from(value)), context);
            }
            None => {
                self.nothing_there();
            }
        }
    }

    /// Whether OUT to `port` does nothing, as far as a look at the last access tells; counts it then. Kernels
    /// write to an empty port for its delay alone, and that needs neither the time nor effects.
    #[inline(always)]
    pub fn swallows_port_write(&mut self, port: u16) -> bool {
        let is_gap = self.ports.is_known_gap(u64::from(port));
        self.unclaimed = self.unclaimed.wrapping_add(u64::from(is_gap));
        is_gap
    }

    /// Handles a read of memory that is not RAM. Nothing there: all ones.
    #[inline]
    pub fn memory_read(&mut self, at: Gpa, size: AccessSize, context: &mut Context<'_>) -> u64 {
        let value = match self.memory.find(at.raw()) {
            Some((target, offset)) => self.read_target(target, offset, size, context),
            None => self.nothing_there(),
        };
        size.cut(value)
    }

    /// Handles a write to memory that is not RAM.
    #[inline]
    pub fn memory_write(&mut self, at: Gpa, size: AccessSize, value: u64, context: &mut Context<'_>) {
        match self.memory.find(at.raw()) {
            Some((target, offset)) => self.write_target(target, offset, size, size.cut(value), context),
            None => {
                self.nothing_there();
            }
        }
    }

    /// A doorbell rang.
    pub fn notify(&mut self, device: u16, queue: u16, context: &mut Context<'_>) {
        let is_cut_off = self.is_cut_off(device);
        if let Some(device) = self.devices.get_mut(usize::from(device)) {
            reach(is_cut_off, context, |context| device.notify(queue, context));
        }
        self.settle(context);
    }

    /// A processor acknowledged a level-triggered interrupt.
    pub fn end_of_interrupt(&mut self, vector: u8, context: &mut Context<'_>) {
        self.controller.end_of_interrupt(vector, context);
        self.settle(context);
    }

    /// Whether the older interrupt controller asks the first processor to acknowledge an interrupt.
    pub fn wants_acknowledge(&self) -> bool {
        self.controller.wants_acknowledge()
    }

    /// A processor acknowledges an interrupt of the older controller: the vector, if there is such a controller.
    pub fn acknowledge(&mut self, context: &mut Context<'_>) -> Option<u8> {
        let vector = self.controller.acknowledge(context);
        self.settle(context);
        vector
    }

    /// The earliest deadline of all devices. Those about a line that nobody listens to do not count.
    pub fn deadline(&self) -> Nanos {
        let deadlines = self.devices.iter().map(|device| (device.deadline(), &**device));
        let wanted =
            deadlines.filter(|(deadline, device)| *deadline != Nanos::MAX && self.is_wanted(*device));
        wanted.map(|(deadline, _)| deadline).min().unwrap_or(Nanos::MAX)
    }

    fn is_wanted(&self, device: &dyn Device) -> bool {
        let is_heard = |line: Line| self.controller.listens(line.pin) && !self.pins.is_muted(line);
        device.deadline_line().is_none_or(is_heard)
    }

    /// Advances every device whose deadline has passed.
    pub fn advance(&mut self, context: &mut Context<'_>) {
        self.catch_up(context);
    }

    /// Lets everything happen that is due, so that the controller's registers show it too: those who poll them
    /// do not wait for an interrupt.
    fn catch_up(&mut self, context: &mut Context<'_>) {
        for (index, device) in (0..).zip(&mut self.devices) {
            if device.deadline() <= context.now {
                reach(self.cut_off.has(index), context, |context| device.advance(context));
            }
        }
        self.settle(context);
    }

    /// Calls `visit` with each doorbell that can ring now and the number of its device.
    pub fn doorbells(&self, mut visit: impl FnMut(u16, Doorbell)) {
        for (index, device) in (0..).zip(&self.devices) {
            let bridge = self.bridge_above(index);
            device.doorbells(&mut |doorbell| {
                if bridge.is_none_or(|bridge| bridge.forwards(&doorbell.window())) {
                    visit(index, doorbell);
                }
            });
        }
    }

    /// Calls `visit` with each range of device memory that the guest may reach now.
    pub fn direct_ranges(&self, mut visit: impl FnMut(DirectRange)) {
        for device in &self.devices {
            device.direct_ranges(&mut visit);
        }
    }

    /// Returns the whole machine to the state after power-on.
    pub fn reset(&mut self, context: &mut Context<'_>) {
        for device in &mut self.devices {
            device.reset(context);
        }
        self.pins.clear();
        self.controller.reset(context);
        context.effects.forget_interrupts();
        self.config_address = ConfigAddress::default();
        self.map_windows();
        context.effects.note(Attention::WINDOWS | Attention::DEADLINE | Attention::DIRECT);
    }

    /// Reports live state of all devices.
    pub fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("unclaimed accesses", self.unclaimed);
        inspector.enter(self.controller.name());
        self.controller.inspect(inspector);
        inspector.leave();
        for device in &self.devices {
            inspector.enter(device.name());
            device.inspect(inspector);
            inspector.leave();
        }
    }

    /// Delivers lines to the controller and maps moved windows. The bus calls it after its own
    /// events; whoever calls a device through [`Bus::device_mut`] calls it then.
    #[inline]
    pub fn settle(&mut self, context: &mut Context<'_>) {
        let attention = context.effects.attention();
        if attention.intersects(Attention::LINES | Attention::WINDOWS) {
            self.settle_now(attention, context);
        }
    }

    /// The level of a pin of the controller now.
    pub fn pin_level(&self, pin: u8) -> Level {
        self.pins.level(pin)
    }

    pub(crate) fn controller(&self) -> &dyn InterruptController {
        &*self.controller
    }

    pub(crate) fn controller_mut(&mut self) -> &mut dyn InterruptController {
        &mut *self.controller
    }

    pub(crate) fn devices(&self) -> &[Box<dyn Device>] {
        &self.devices
    }

    pub(crate) fn devices_mut(&mut self) -> &mut [Box<dyn Device>] {
        &mut self.devices
    }

    /// Maps all windows of all functions anew. A window that would cover something else stays unmapped,
    /// as on a board where two devices decode one address only one is heard.
    pub(crate) fn map_windows(&mut self) {
        let is_fixed = |target: Target| !matches!(target, Target::Window { .. } | Target::EcamWindow);
        self.ports.retain(is_fixed);
        self.memory.retain(is_fixed);
        self.cut_off = DeviceSet::default();
        for (index, device) in (0..).zip(&self.devices) {
            let bridge = bridge_above(&self.devices, &self.seats, index);
            if bridge.is_some_and(|bridge| !bridge.is_master) {
                self.cut_off.insert(index);
            }
            let is_reached = |window: &&Window| bridge.is_none_or(|bridge| bridge.forwards(window));
            for window in device.windows().iter().filter(is_reached) {
                // A refusal is the guest's own doing and harms nobody else.
                let _ = map_window(&mut self.ports, &mut self.memory, index, window);
            }
        }
    }

    fn bridge_above(&self, index: u16) -> Option<Bridge> {
        bridge_above(&self.devices, &self.seats, index)
    }

    #[inline]
    fn is_cut_off(&self, index: u16) -> bool {
        self.cut_off.has(index)
    }

    #[cold]
    fn settle_now(&mut self, attention: Attention, context: &mut Context<'_>) {
        for index in 0..LINE_CHANGES_MAX {
            let Some(change) = context.effects.line_at(index) else { break };
            let changed = match change.event {
                LineEvent::Level(level) => self.pins.set(change.line, level),
                LineEvent::Mute(is_muted) => self.pins.mute(change.line, is_muted),
            };
            if let Some(level) = changed {
                self.controller.set_pin(change.line.pin, level, context);
            }
        }
        for route in context.effects.take_routes() {
            self.controller.route_pin(route.pin, route.input, context);
        }
        context.effects.clear_lines();
        if attention.contains(Attention::WINDOWS) {
            self.map_windows();
        }
    }

    #[inline]
    fn read_target(
        &mut self,
        target: Target,
        offset: u64,
        size: AccessSize,
        context: &mut Context<'_>,
    ) -> u64 {
        let value = match target {
            Target::Device { index, region } | Target::Window { index, region } => {
                let is_cut_off = self.is_cut_off(index);
                match self.devices.get_mut(usize::from(index)) {
                    Some(device) => {
                        reach(is_cut_off, context, |context| device.read(region, offset, size, context))
                    }
                    None => size.ones(),
                }
            }
            Target::Controller { region } => {
                if region != CONTROLLER_REGION {
                    self.catch_up(context);
                }
                self.controller.read(region, offset, size, context)
            }
            Target::ConfigAddress if size == AccessSize::Dword => u64::from(self.config_address.value()),
            Target::ConfigAddress => size.ones(),
            Target::ConfigData => self.config_read(self.config_address.register(offset), size, context),
            Target::Ecam | Target::EcamWindow => {
                self.config_read(ConfigRegister::from_ecam(offset), size, context)
            }
        };
        self.settle(context);
        value
    }

    #[inline]
    fn write_target(
        &mut self,
        target: Target,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        match target {
            Target::Device { index, region } | Target::Window { index, region } => {
                let is_cut_off = self.is_cut_off(index);
                if let Some(device) = self.devices.get_mut(usize::from(index)) {
                    reach(is_cut_off, context, |context| {
                        device.write(region, offset, size, value, context);
                    });
                }
            }
            Target::Controller { region } => self.controller.write(region, offset, size, value, context),
            Target::ConfigAddress if size == AccessSize::Dword => {
                self.config_address = ConfigAddress::new(value as u32);
            }
            Target::ConfigAddress => {}
            Target::ConfigData => {
                self.config_write(self.config_address.register(offset), size, value as u32, context);
            }
            Target::Ecam | Target::EcamWindow => {
                self.config_write(ConfigRegister::from_ecam(offset), size, value as u32, context)
            }
        }
        self.settle(context);
    }

    fn config_read(
        &mut self,
        register: Option<ConfigRegister>,
        size: AccessSize,
        context: &mut Context<'_>,
    ) -> u64 {
        let Some((device, register, is_cut_off)) = self.function(register, size) else { return size.ones() };
        let read = |context: &mut Context<'_>| device.config_read(register.offset, size, context);
        u64::from(reach(is_cut_off, context, read))
    }

    fn config_write(
        &mut self,
        register: Option<ConfigRegister>,
        size: AccessSize,
        value: u32,
        context: &mut Context<'_>,
    ) {
        if let Some((device, register, is_cut_off)) = self.function(register, size) {
            reach(is_cut_off, context, |context| device.config_write(register.offset, size, value, context));
        }
    }

    /// The function that a register belongs to, and whether a bridge keeps it from memory.
    fn function(
        &mut self,
        register: Option<ConfigRegister>,
        size: AccessSize,
    ) -> Option<(&mut dyn Device, ConfigRegister, bool)> {
        let register = register.filter(|register| register.takes(size))?;
        let index = self.function_at(register)?;
        let is_cut_off = self.is_cut_off(index);
        let device = self.devices.get_mut(usize::from(index))?;
        Some((&mut **device, register, is_cut_off))
    }

    /// The device that answers for a function now: bridges pass on what carries the number of their bus.
    fn function_at(&self, register: ConfigRegister) -> Option<u16> {
        let is_addressed = |seat: &&Seat| {
            seat.place == register.place
                && match seat.behind {
                    None => register.bus == 0,
                    Some(bridge) => register.bus != 0 && self.secondary_bus(bridge) == Some(register.bus),
                }
        };
        self.seats.iter().find(is_addressed).map(|seat| seat.index)
    }

    fn secondary_bus(&self, bridge: u16) -> Option<u8> {
        let device = self.devices.get(usize::from(bridge))?;
        device.bridge()?.secondary
    }

    #[cold]
    fn nothing_there(&mut self) -> u64 {
        self.unclaimed = self.unclaimed.wrapping_add(1);
        u64::MAX
    }
}

impl From<RangeError> for BusError {
    fn from(error: RangeError) -> Self {
        BusError::Range(error)
    }
}

/// The bridge above a device, if it sits behind one.
fn bridge_above(devices: &[Box<dyn Device>], seats: &[Seat], index: u16) -> Option<Bridge> {
    let seat = seats.iter().find(|seat| seat.index == index)?;
    devices.get(usize::from(seat.behind?))?.bridge()
}

fn map_window(
    ports: &mut RangeTable<Target>,
    memory: &mut RangeTable<Target>,
    index: u16,
    window: &Window,
) -> Result<(), RangeError> {
    let Window { region, space, start, bytes } = *window;
    match space {
        Space::Ports => ports.insert(start, bytes, Target::Window { index, region }),
        Space::Memory => memory.insert(start, bytes, Target::Window { index, region }),
        Space::Configuration => memory.insert(start, bytes, Target::EcamWindow),
    }
}
