//! The serial line, the keyboard and the mouse with their interrupts.

use alloc::vec::Vec;
use console_terminal::{KeyboardController, Motion, MouseDecoder, Ports, SerialPort, Source};
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

/// What keyboard and mouse sent.
#[derive(Default)]
pub(crate) struct Sent {
    /// Scan codes of the keyboard.
    pub(crate) codes: Vec<u8>,
    pub(crate) motions: Vec<Motion>,
}

/// Keyboard and mouse.
pub(crate) struct KeyboardDevice {
    controller: KeyboardController<DevicePorts>,
    mouse: MouseDecoder,
    pub(crate) interrupt: Interrupt,
    pub(crate) mouse_interrupt: Interrupt,
}

impl KeyboardDevice {
    /// Takes them over, if they are there.
    pub(crate) fn new(
        places: KeyboardPorts,
        (data, status, interrupt, mouse_interrupt): (IoRange, IoRange, Interrupt, Interrupt),
    ) -> Option<Self> {
        let ports = DevicePorts([data, status].into());
        let controller = KeyboardController::new(ports, places.data, places.status)?;
        let mouse = MouseDecoder::new(controller.has_wheel());
        let _ = interrupt.acknowledge();
        let _ = mouse_interrupt.acknowledge();
        Some(Self { controller, mouse, interrupt, mouse_interrupt })
    }

    /// Handles the interrupt of either and returns what came.
    pub(crate) fn interrupted(&mut self) -> Sent {
        let mut sent = Sent::default();
        self.drain(&mut sent);
        let _ = self.interrupt.acknowledge();
        let _ = self.mouse_interrupt.acknowledge();
        // An edge between these lines would be lost, and with it all that follow.
        self.drain(&mut sent);
        sent
    }

    fn drain(&mut self, sent: &mut Sent) {
        let mouse = &mut self.mouse;
        self.controller.drain(|source, byte| match source {
            Source::Keyboard => sent.codes.push(byte),
            Source::Mouse => sent.motions.extend(mouse.push(byte)),
        });
    }
}
