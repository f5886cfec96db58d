//! The i8042 keyboard controller with its keyboard and its mouse (IBM PS/2 Hardware Interface Technical Reference).

use crate::Ports;

/// Bytes taken for one interrupt, and patience with a busy controller.
const BYTES_MAX: usize = 64;
const POLLS_MAX: usize = 1_000;

/// Patience with a mouse, which needs some milliseconds for a byte.
const MOUSE_POLLS_MAX: usize = 20_000;

const STATUS_OUTPUT_FULL: u8 = 1 << 0;
const STATUS_INPUT_FULL: u8 = 1 << 1;
/// The byte comes from the mouse.
const STATUS_MOUSE: u8 = 1 << 5;
const COMMAND_WRITE_CONFIGURATION: u8 = 0x60;
const COMMAND_ENABLE_MOUSE: u8 = 0xa8;
const COMMAND_ENABLE_KEYBOARD: u8 = 0xae;
/// The next byte goes to the mouse.
const COMMAND_TO_MOUSE: u8 = 0xd4;
/// Interrupts of keyboard and mouse, "system works", translation to set 1.
const CONFIGURATION: u8 = 0b0100_0111;
/// The same without a mouse's clock and interrupt.
const CONFIGURATION_WITHOUT_MOUSE: u8 = 0b0110_0101;
const KEYBOARD_ENABLE_SCANNING: u8 = 0xf4;
const MOUSE_DEFAULTS: u8 = 0xf6;
/// Rates that, set one after the other, show a mouse's wheel; then it says that it is another one.
const MOUSE_WHEEL: [u8; 6] = [0xf3, 200, 0xf3, 100, 0xf3, 80];
const MOUSE_IDENTIFY: u8 = 0xf2;
const MOUSE_WITH_WHEEL: u8 = 3;
const MOUSE_ENABLE_REPORTING: u8 = 0xf4;
const ACKNOWLEDGE: u8 = 0xfa;
const ABSENT: u8 = 0xff;

/// Who sent a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The keyboard.
    Keyboard,
    /// The mouse.
    Mouse,
}

/// An i8042.
pub struct KeyboardController<P> {
    ports: P,
    data: u16,
    status: u16,
    has_wheel: bool,
}

impl<P: Ports> KeyboardController<P> {
    /// Sets the controller up for interrupts and set 1, and the mouse for reports; `None` if there is none.
    pub fn new(ports: P, data: u16, status: u16) -> Option<Self> {
        let mut controller = Self { ports, data, status, has_wheel: false };
        if controller.ports.read(status) == ABSENT {
            return None;
        }
        controller.drain(|_, _| {});
        controller.write(status, COMMAND_ENABLE_KEYBOARD);
        controller.write(status, COMMAND_ENABLE_MOUSE);
        let has_mouse = controller.set_up_mouse().is_some();
        controller.write(status, COMMAND_WRITE_CONFIGURATION);
        controller.write(data, if has_mouse { CONFIGURATION } else { CONFIGURATION_WITHOUT_MOUSE });
        controller.write(data, KEYBOARD_ENABLE_SCANNING);
        Some(controller)
    }

    /// Whether there is a mouse and it has a wheel.
    pub fn has_wheel(&self) -> bool {
        self.has_wheel
    }

    /// Hands what keyboard and mouse sent to `take`.
    pub fn drain(&self, mut take: impl FnMut(Source, u8)) {
        for _ in 0..BYTES_MAX {
            match self.read() {
                Some((source, byte)) => take(source, byte),
                None => return,
            }
        }
    }

    fn read(&self) -> Option<(Source, u8)> {
        let status = self.ports.read(self.status);
        if status & STATUS_OUTPUT_FULL == 0 || status == ABSENT {
            return None;
        }
        let source = if status & STATUS_MOUSE == 0 { Source::Keyboard } else { Source::Mouse };
        Some((source, self.ports.read(self.data)))
    }

    /// `None` if there is no mouse that answers.
    fn set_up_mouse(&mut self) -> Option<()> {
        self.tell_mouse(MOUSE_DEFAULTS)?;
        MOUSE_WHEEL.iter().try_for_each(|byte| self.tell_mouse(*byte))?;
        self.tell_mouse(MOUSE_IDENTIFY)?;
        self.has_wheel = self.hear_mouse()? == MOUSE_WITH_WHEEL;
        self.tell_mouse(MOUSE_ENABLE_REPORTING)
    }

    /// Sends a byte to the mouse and waits for its acknowledgement.
    fn tell_mouse(&self, byte: u8) -> Option<()> {
        self.write(self.status, COMMAND_TO_MOUSE);
        self.write(self.data, byte);
        (self.hear_mouse()? == ACKNOWLEDGE).then_some(())
    }

    /// What the mouse answers. What is typed meanwhile is lost.
    fn hear_mouse(&self) -> Option<u8> {
        (0..MOUSE_POLLS_MAX).find_map(|_| match self.read() {
            Some((Source::Mouse, byte)) => Some(byte),
            _ => None,
        })
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
        /// What the mouse says it is, if there is one.
        mouse: Option<u8>,
    }

    impl Ports for &Chip {
        fn read(&self, port: u16) -> u8 {
            match port {
                0x60 => self.output.borrow_mut().pop_front().map_or(0, |(byte, _)| byte),
                _ => self.output.borrow().front().map_or(0, |(_, status)| STATUS_OUTPUT_FULL | status),
            }
        }

        fn write(&self, port: u16, value: u8) {
            let mut written = self.written.borrow_mut();
            let is_for_mouse = written.last() == Some(&(0x64, COMMAND_TO_MOUSE));
            written.push((port, value));
            if let Some(identity) = self.mouse.filter(|_| is_for_mouse) {
                let mut output = self.output.borrow_mut();
                output.push_back((ACKNOWLEDGE, STATUS_MOUSE));
                if value == MOUSE_IDENTIFY {
                    output.push_back((identity, STATUS_MOUSE));
                }
            }
        }
    }

    #[test]
    fn bytes_come_with_who_sent_them() {
        let chip = Chip::default();
        let controller = KeyboardController::new(&chip, 0x60, 0x64).expect("it answers");
        chip.output.borrow_mut().extend([(0x1e, 0), (0x77, STATUS_MOUSE), (0x9e, 0)]);
        let mut taken = Vec::new();

        controller.drain(|source, byte| taken.push((source, byte)));

        assert_eq!(taken, [(Source::Keyboard, 0x1e), (Source::Mouse, 0x77), (Source::Keyboard, 0x9e)]);
    }

    #[test]
    fn a_mouse_is_set_up_with_its_wheel() {
        let chip = Chip { mouse: Some(MOUSE_WITH_WHEEL), ..Chip::default() };
        let controller = KeyboardController::new(&chip, 0x60, 0x64).expect("it answers");

        assert!(controller.has_wheel());
        let written = chip.written.borrow();
        assert!(written.ends_with(&[(0x64, 0x60), (0x60, 0x47), (0x60, 0xf4)]), "{written:x?}");
        assert!(written.contains(&(0x60, MOUSE_ENABLE_REPORTING)));
    }

    #[test]
    fn without_a_mouse_the_keyboard_works() {
        let chip = Chip::default();
        assert!(KeyboardController::new(&chip, 0x60, 0x64).is_some());

        assert!(chip.written.borrow().ends_with(&[(0x64, 0x60), (0x60, 0x65), (0x60, 0xf4)]));
    }
}
