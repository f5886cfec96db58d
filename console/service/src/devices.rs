//! The serial line and the keyboard with their interrupts.

use alloc::vec::Vec;
use console_terminal::{KeyboardController, Ports, SerialPort};
use management_protocol::{KeyboardPorts, SerialLine};
use user_rt::{Interrupt, IoRange};

/// One or two ranges of ports as one device's.
pub(crate) struct DevicePorts(Vec<IoRange>);

impl Ports for DevicePorts {
    fn read(&self, port: u16) -> u8 {
        self.0.iter().find_map(|range| range.read_u8(port).ok()).unwrap_or(u8::MAX)
    }

    fn write(&self, port: u16, value: u8) {
        // Only one of the ranges has the port; the others refuse.
        let _ = self.0.iter().any(|range| range.write_u8(port, value).is_ok());
    }
}

/// The machine's serial line.
pub(crate) struct SerialDevice {
    pub(crate) port: SerialPort<DevicePorts>,
    pub(crate) interrupt: Interrupt,
}

impl SerialDevice {
    /// Takes the line over, if there is one.
    pub(crate) fn new(line: SerialLine, (ports, interrupt): (IoRange, Interrupt)) -> Option<Self> {
        let ports = DevicePorts([ports].into());
        let port = SerialPort::new(ports, line.port)?;
        // A console before this one may have left it unacknowledged.
        let _ = interrupt.acknowledge();
        Some(Self { port, interrupt })
    }

    /// Handles the interrupt and returns what was typed.
    pub(crate) fn interrupted(&mut self) -> Vec<u8> {
        let mut received = Vec::new();
        self.port.serve(&mut received, || {
            // Fails only if the handle is not ours, which it is.
            let _ = self.interrupt.acknowledge();
        });
        received
    }
}

/// The keyboard.
pub(crate) struct KeyboardDevice {
    controller: KeyboardController<DevicePorts>,
    pub(crate) interrupt: Interrupt,
}

impl KeyboardDevice {
    /// Takes the keyboard over, if there is one.
    pub(crate) fn new(
        places: KeyboardPorts,
        (data, status, interrupt): (IoRange, IoRange, Interrupt),
    ) -> Option<Self> {
        let ports = DevicePorts([data, status].into());
        let controller = KeyboardController::new(ports, places.data, places.status)?;
        let _ = interrupt.acknowledge();
        Some(Self { controller, interrupt })
    }

    /// Handles the interrupt and returns the scan codes that came.
    pub(crate) fn interrupted(&mut self) -> Vec<u8> {
        let mut codes = Vec::new();
        self.controller.drain(|code| codes.push(code));
        let _ = self.interrupt.acknowledge();
        // An edge between the two lines would be lost, and with it all that follow.
        self.controller.drain(|code| codes.push(code));
        codes
    }
}
