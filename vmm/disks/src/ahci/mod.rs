//! The AHCI controller of the ICH9 with six ports.
//!
//! A [`port`] fetches commands from guest memory ([`command`]), hands them to its drive, moves their data and answers
//! with frames ([`frame`]). What takes long is continued through the device's deadline, so that no guest holds
//! up the machine's other devices.

mod bus;
mod command;
mod frame;
mod port;
mod registers;
mod saved;
#[cfg(test)]
mod tests;

use crate::drive::{Drive, Interface};
use alloc::vec::Vec;
use port::Port;
use spec::ahci::{
    CAP_64, CAP_AHCI_ONLY, CAP_OVERRIDE, CAP_PIO_MULTIPLE, CAP_QUEUING, CAP_SLOTS_SHIFT, CAP_SPEED_SHIFT,
    GHC_AHCI, GHC_INTERRUPTS,
};
use vmm_bus::{
    Attention, Context, Effects, Line, Volume,
    pci::{BarKind, Function, Identity},
};

/// Ports of the controller.
pub const PORTS: usize = 6;
/// The BAR of the registers.
pub const BAR: u8 = 5;
/// Bytes of the registers' window.
pub const BAR_BYTES: u64 = 0x1000;

/// ICH9 SATA controller in AHCI mode.
const IDENTITY: Identity = Identity {
    vendor: 0x8086,
    device: 0x2922,
    subsystem_vendor: 0x8086,
    subsystem: 0x2922,
    class: 0x01_06_01,
    revision: 2,
};
/// Address map register (ICH9 15.1.33): AHCI mode with six ports.
const ADDRESS_MAP: u16 = 0x90;
const ADDRESS_MAP_AHCI: u8 = 1 << 6;
/// Port control and status (ICH9 15.1.34): drivers switch all ports on there.
const PORT_CONTROL: u16 = 0x92;
const PORT_CONTROL_MASK: u8 = (1 << PORTS) - 1;

/// What the controller can do.
const CAPABILITIES: u32 = (PORTS as u32 - 1)
    | (command::SLOTS - 1) << CAP_SLOTS_SHIFT
    | CAP_PIO_MULTIPLE
    | CAP_AHCI_ONLY
    | 3 << CAP_SPEED_SHIFT
    | CAP_OVERRIDE
    | CAP_QUEUING
    | CAP_64;

/// The controller with its drives.
pub struct Ahci<V> {
    function: Function,
    ports: Vec<Port<V>>,
    control: u32,
    /// Ports that want attention, one bit each.
    waiting: u32,
}

impl<V: Volume> Ahci<V> {
    /// A controller with a drive, or none, at each port. What does not fit is left out.
    pub fn new(line: Line, drives: impl IntoIterator<Item = Option<Drive<V>>>) -> Self {
        let mut function =
            Function::new(&IDENTITY).with_line(line).with_msi().with_bar(BAR, BarKind::Memory32, BAR_BYTES);
        function.config_mut().set(ADDRESS_MAP, &[ADDRESS_MAP_AHCI]);
        function.config_mut().set(PORT_CONTROL, &[PORT_CONTROL_MASK]);
        function.config_mut().allow(PORT_CONTROL, &[PORT_CONTROL_MASK]);
        let plugged = |drive: Option<Drive<V>>| {
            drive.map(|mut drive| {
                drive.plug(Interface::Serial);
                drive
            })
        };
        let all = drives.into_iter().chain(core::iter::repeat_with(|| None)).take(PORTS);
        let ports = all.map(|drive| Port::new(plugged(drive))).collect();
        Self { function, ports, control: GHC_AHCI, waiting: 0 }
    }

    /// The drive at a port.
    pub fn drive(&self, port: usize) -> Option<&Drive<V>> {
        self.ports.get(port)?.drive()
    }

    /// The drive at a port, to change its disc.
    pub fn drive_mut(&mut self, port: usize) -> Option<&mut Drive<V>> {
        self.ports.get_mut(port)?.drive_mut()
    }

    /// Resets controller and drives, as software asks for.
    fn reset_ports(&mut self) {
        self.ports.iter_mut().for_each(Port::reset);
        self.control = GHC_AHCI;
        self.waiting = 0;
    }

    /// Lets all ports work that can.
    fn run(&mut self, context: &mut Context<'_>) {
        if self.function.is_master() {
            let had_work = self.has_work();
            self.ports.iter_mut().for_each(|port| port.run(context.memory));
            if self.has_work() != had_work {
                context.effects.note(Attention::DEADLINE);
            }
        }
        self.update_interrupt(context.effects);
    }

    /// Whether a port has more to do than one call may.
    fn has_work(&self) -> bool {
        self.ports.iter().any(Port::has_work)
    }

    /// Collects the ports that want attention and drives the interrupt.
    fn update_interrupt(&mut self, effects: &mut Effects) {
        for (index, port) in self.ports.iter().enumerate() {
            self.waiting |= u32::from(port.wants_attention()) << index;
        }
        let wants = self.control & GHC_INTERRUPTS != 0 && self.waiting != 0;
        self.function.set_level(wants, effects);
    }
}
