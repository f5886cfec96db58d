//! The xHCI as a value, and how it takes work from its rings.

mod bus;
mod commands;
mod contexts;
mod control;
mod interrupter;
mod ports;
mod registers;
mod saved;
mod slots;
mod transfers;
mod trb;

use crate::{
    device::{Attached, UsbDevice},
    hid::{Keyboard, Position, Tablet},
};
use alloc::vec::Vec;
use base_units::Nanos;
use interrupter::{EventError, Interrupter};
use ports::{PORTS, Port};
use registers::Registers;
use serde::{Deserialize, Serialize};
use slots::Slot;
use spec::xhci::{CMD_INTERRUPTS, STS_CONTROLLER_ERROR, STS_EVENT, STS_HALTED, STS_SYSTEM_ERROR, TRB_BYTES};
use trb::Event;
use vmm_bus::{
    Attention, Context, Effects, GuestMemory, Line, MemoryError,
    pci::{BarKind, Function, Identity, function::MsixPlace},
};
use vmm_chipset::i8042::{Key, Stroke};

/// The BAR of registers, doorbells and MSI-X structures; 64 bits wide.
pub const BAR: u8 = 0;
/// Bytes of the window.
pub const BAR_BYTES: u64 = 0x4000;
/// Places of the MSI-X structures in the window.
const MSIX_TABLE: u32 = 0x3000;
const MSIX_PENDING: u32 = 0x3800;
/// Interrupters, each with a vector.
const INTERRUPTERS: u16 = 4;
/// Device slots.
const SLOTS_MAX: usize = 16;
/// Commands and transfer descriptors that one call handles at the most; the rest waits for the next.
const CALL_STEPS_MAX: usize = 64;
/// Release of USB and frame length, in configuration space (5.2.3, 5.2.4).
const RELEASE_AT: u16 = 0x60;
const RELEASE_3_0: u8 = 0x30;
const FRAME_LENGTH: u8 = 0x20;
const _: () = assert!(TRB_BYTES == 16);

/// A controller that stock drivers take by its class.
const IDENTITY: Identity = Identity {
    vendor: 0x1B36,
    device: 0x000D,
    subsystem_vendor: 0x1AF4,
    subsystem: 0x1100,
    class: 0x0C_03_30,
    revision: 1,
};

/// The devices on the ports.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Devices {
    keyboard: UsbDevice<Keyboard>,
    tablet: UsbDevice<Tablet>,
}

impl Devices {
    /// The device on the port of this index.
    fn at_port(&mut self, index: usize) -> Option<&mut dyn Attached> {
        match index {
            KEYBOARD_PORT => Some(&mut self.keyboard),
            TABLET_PORT => Some(&mut self.tablet),
            _ => None,
        }
    }

    fn reset(&mut self) {
        self.keyboard.bus_reset();
        self.tablet.bus_reset();
    }
}

/// Indices of their ports.
const KEYBOARD_PORT: usize = 0;
const TABLET_PORT: usize = 1;

/// The controller.
pub struct Xhci {
    function: Function,
    registers: Registers,
    interrupters: Vec<Interrupter>,
    ports: [Port; PORTS],
    slots: Vec<Option<Slot>>,
    devices: Devices,
    /// More is to be done than one call may.
    has_work: bool,
    /// The deadline as it was last announced.
    announced: Nanos,
}

impl Xhci {
    /// A controller with a keyboard and a tablet.
    pub fn new(line: Line) -> Self {
        let place = MsixPlace { vectors: INTERRUPTERS, bar: BAR, table: MSIX_TABLE, pending: MSIX_PENDING };
        let mut function = Function::new(&IDENTITY)
            .with_line(line)
            .with_bar(BAR, BarKind::Memory64, BAR_BYTES)
            .with_msix(place)
            .with_msi();
        function.config_mut().set(RELEASE_AT, &[RELEASE_3_0, FRAME_LENGTH]);
        let mut controller = Self {
            function,
            registers: Registers::default(),
            interrupters: Vec::new(),
            ports: Port::all(),
            slots: Vec::new(),
            devices: Devices::default(),
            has_work: false,
            announced: Nanos::MAX,
        };
        controller.reset_controller();
        controller
    }

    /// A key goes down or up. `false` if the guest does not use this keyboard: then another one may be its keyboard.
    pub fn stroke(&mut self, key: Key, stroke: Stroke, context: &mut Context<'_>) -> bool {
        let keyboard = &mut self.devices.keyboard.function;
        if keyboard.is_forgotten(context.now) {
            keyboard.forget();
        } else if self.is_listened_to(KEYBOARD_PORT) {
            self.devices.keyboard.function.stroke(key, stroke, context.now);
            self.run(context);
            return true;
        }
        false
    }

    /// The pointer is somewhere else. `false` if the guest does not use this tablet.
    pub fn point(&mut self, position: Position, context: &mut Context<'_>) -> bool {
        let tablet = &mut self.devices.tablet.function;
        if tablet.is_forgotten(context.now) {
            tablet.forget();
        } else if self.is_listened_to(TABLET_PORT) {
            self.devices.tablet.function.point(position, context.now);
            self.run(context);
            return true;
        }
        false
    }

    /// The keyboard's lamps, as the guest lit them: bit 0 Num Lock, 1 Caps Lock, 2 Scroll Lock.
    pub fn lamps(&self) -> u8 {
        self.devices.keyboard.function.lamps()
    }

    /// Whether the guest has configured the device on a port and set up its endpoint.
    fn is_listened_to(&mut self, port: usize) -> bool {
        let is_working = self.ports.get(port).is_some_and(Port::is_working);
        let Some(device) = self.devices.at_port(port) else { return false };
        let (address, is_configured) = (device.address(), device.is_configured());
        let has_endpoint = self.slots.iter().flatten().any(|slot| slot.reads(port, address));
        is_working && is_configured && has_endpoint && self.is_running() && self.function.is_master()
    }

    fn is_running(&self) -> bool {
        self.registers.status & STS_HALTED == 0
    }

    /// What HCRST does (4.2): all but configuration space as after power-on.
    fn reset_controller(&mut self) {
        self.registers = Registers::default();
        self.interrupters = (0..INTERRUPTERS).map(|_| Interrupter::default()).collect();
        self.ports = Port::all();
        self.slots = (0..SLOTS_MAX).map(|_| None).collect();
        self.devices.reset();
        self.has_work = false;
        self.note_ports();
    }

    /// Memory that is not there: the controller stops (4.10.2.6).
    fn fail(&mut self) {
        self.halt(STS_SYSTEM_ERROR);
    }

    /// An event cannot be told.
    fn fail_events(&mut self, error: EventError) {
        self.halt(match error {
            EventError::Memory => STS_SYSTEM_ERROR,
            EventError::Segment => STS_CONTROLLER_ERROR,
        });
    }

    fn halt(&mut self, reason: u32) {
        self.registers.status |= reason | STS_HALTED;
        self.registers.command &= !spec::xhci::CMD_RUN;
        self.registers.commands_run = false;
        self.has_work = false;
    }

    /// Takes work, as much as one call may, and drives the interrupts.
    fn run(&mut self, context: &mut Context<'_>) {
        if self.is_running() && self.function.is_master() {
            self.has_work = false;
            if self.work(context).is_err() {
                self.fail();
            }
        }
        self.interrupt(context);
        let deadline = self.next_deadline();
        if deadline != self.announced {
            self.announced = deadline;
            context.effects.note(Attention::DEADLINE);
        }
    }

    fn work(&mut self, context: &mut Context<'_>) -> Result<(), MemoryError> {
        for index in 0..self.interrupters.len() {
            if let Some(interrupter) = self.interrupters.get_mut(index)
                && let Err(error) = interrupter.flush(context.memory)
            {
                self.fail_events(error);
                return Ok(());
            }
        }
        self.devices.keyboard.function.advance(context.now);
        self.tell_ports(context.memory);
        let mut steps = CALL_STEPS_MAX;
        while self.can_work() && self.take_command(context.memory)? {
            steps = steps.saturating_sub(1);
            if steps == 0 {
                self.has_work = true;
                return Ok(());
            }
        }
        self.work_on_slots(&mut steps, context)
    }

    fn work_on_slots(&mut self, steps: &mut usize, context: &Context<'_>) -> Result<(), MemoryError> {
        for slot in 0..SLOTS_MAX as u8 {
            for endpoint in self.armed_endpoints(slot) {
                while self.can_work() && self.take_transfer((slot, endpoint), context)? {
                    *steps = steps.saturating_sub(1);
                    if *steps == 0 {
                        self.has_work = true;
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether there is room for what the next step has to tell.
    fn can_work(&self) -> bool {
        self.is_running() && !self.interrupters.iter().any(Interrupter::is_blocked)
    }

    /// Tells software of ports that changed.
    fn tell_ports(&mut self, memory: &dyn GuestMemory) {
        for index in 0..PORTS {
            if let Some(port) = self.ports.get_mut(index).filter(|port| port.has_news) {
                port.has_news = false;
                self.tell(0, Event::port(index as u8 + 1), memory);
            }
        }
    }

    /// Tells software of something through an interrupter. One that does not exist is none of software's.
    fn tell(&mut self, interrupter: u16, event: Event, memory: &dyn GuestMemory) {
        let Some(interrupter) = self.interrupters.get_mut(usize::from(interrupter)) else { return };
        if let Err(error) = interrupter.tell(event, memory) {
            self.fail_events(error);
        }
    }

    /// Begins interrupts that are due and drives line or messages (4.17).
    fn interrupt(&mut self, context: &mut Context<'_>) {
        for interrupter in &mut self.interrupters {
            if interrupter.begin(context.now) {
                self.registers.status |= STS_EVENT;
            }
        }
        self.update_level(context.effects);
    }

    fn update_level(&mut self, effects: &mut Effects) {
        let is_enabled = self.registers.command & CMD_INTERRUPTS != 0;
        let uses_messages = self.function.uses_messages();
        let mut level = false;
        for (vector, interrupter) in (0..).zip(&mut self.interrupters) {
            if !is_enabled || !interrupter.is_pending() {
                continue;
            }
            level = true;
            // A message takes the pending bit along (5.5.2.1).
            if uses_messages {
                interrupter.management &= !spec::xhci::IMAN_PENDING;
            }
            if self.function.uses_msix() {
                self.function.signal(vector, effects);
            }
        }
        if !self.function.uses_msix() {
            self.function.set_level(level, effects);
        }
        if uses_messages {
            self.function.set_level(false, effects);
        }
    }

    fn next_deadline(&self) -> Nanos {
        if !self.is_running() || !self.function.is_master() {
            return Nanos::MAX;
        }
        if self.has_work && self.can_work() {
            return Nanos::ZERO;
        }
        let interrupts = self.interrupters.iter().map(Interrupter::deadline).min();
        interrupts.unwrap_or(Nanos::MAX).min(self.devices.keyboard.function.deadline())
    }
}
