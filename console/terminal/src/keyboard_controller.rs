//! The i8042 keyboard controller (IBM PS/2 Hardware Interface Technical Reference).

use crate::Ports;

/// Bytes taken for one interrupt, and patience with a busy controller.
const BYTES_MAX: usize = 64;
const POLLS_MAX: usize = 1_000;

const STATUS_OUTPUT_FULL: u8 = 1 << 0;
const STATUS_INPUT_FULL: u8 = 1 << 1;
/// The byte comes from the mouse.
const STATUS_MOUSE: u8 = 1 << 5;
const COMMAND_WRITE_CONFIGURATION: u8 = 0x60;
const COMMAND_ENABLE_KEYBOARD: u8 = 0xae;
/// Keyboard interrupt, "system works", no mouse clock, translation to set 1.
const CONFIGURATION: u8 = 0b0110_0101;
const KEYBOARD_ENABLE_SCANNING: u8 = 0xf4;
const ABSENT: u8 = 0xff;

/// The keyboard's side of an i8042.
pub struct KeyboardController<P> {
    ports: P,
    data: u16,
    status: u16,
}

impl<P: Ports> KeyboardController<P> {
    /// Sets the controller up for interrupts and set 1; `None` if there is none.
    pub fn new(ports: P, data: u16, status: u16) -> Option<Self> {
        let controller = Self { ports, data, status };
        if controller.ports.read(status) == ABSENT {
            return None;
        }
        controller.drain(|_| {});
        controller.write(status, COMMAND_ENABLE_KEYBOARD);
        controller.write(status, COMMAND_WRITE_CONFIGURATION);
        controller.write(data, CONFIGURATION);
        controller.write(data, KEYBOARD_ENABLE_SCANNING);
        Some(controller)
    }

    /// Hands what the keyboard sent to `take`.
    pub fn drain(&self, mut take: impl FnMut(u8)) {
        for _ in 0..BYTES_MAX {
            let status = self.ports.read(self.status);
            if status & STATUS_OUTPUT_FULL == 0 || status == ABSENT {
                return;
            }
            let byte = self.ports.read(self.data);
            if status & STATUS_MOUSE == 0 {
                take(byte);
            }
        }
    }

    /// Writes when the controller is ready, or gives up.
    fn write(&self, port: u16, value: u8) {
        let is_ready = || self.ports.read(self.status) & STATUS_INPUT_FULL == 0;
        if (0..POLLS_MAX).any(|_| is_ready()) {
            self.ports.write(port, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{collections::VecDeque, vec::Vec};
    use core::cell::RefCell;

    #[derive(Default)]
    struct Chip {
        output: RefCell<VecDeque<(u8, u8)>>,
        written: RefCell<Vec<(u16, u8)>>,
    }

    impl Ports for &Chip {
        fn read(&self, port: u16) -> u8 {
            match port {
                0x60 => self.output.borrow_mut().pop_front().map_or(0, |(byte, _)| byte),
                _ => self.output.borrow().front().map_or(0, |(_, status)| STATUS_OUTPUT_FULL | status),
            }
        }

        fn write(&self, port: u16, value: u8) {
            self.written.borrow_mut().push((port, value));
        }
    }

    #[test]
    fn the_mouse_is_ignored() {
        let chip = Chip::default();
        let controller = KeyboardController::new(&chip, 0x60, 0x64).expect("it answers");
        chip.output.borrow_mut().extend([(0x1e, 0), (0x77, STATUS_MOUSE), (0x9e, 0)]);
        let mut taken = Vec::new();

        controller.drain(|byte| taken.push(byte));

        assert_eq!(taken, [0x1e, 0x9e]);
        assert_eq!(*chip.written.borrow(), [(0x64, 0xae), (0x64, 0x60), (0x60, 0x65), (0x60, 0xf4)]);
    }
}
