//! The controller between both devices and the guest.

use super::{
    key::{Key, Motion, Stroke},
    keyboard::Keyboard,
    mouse::Mouse,
    scan_code::{announces_release, translate},
};
use bitflags::bitflags;
use serde::{Deserialize, Serialize};
use vmm_bus::{Effects, Level, Line, PowerRequest};

bitflags! {
    /// The command byte (RAM byte 0).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct Mode: u8 {
        /// Bytes of the keyboard interrupt.
        const KEYBOARD_INTERRUPT = 1 << 0;
        /// Bytes of the mouse interrupt.
        const MOUSE_INTERRUPT = 1 << 1;
        /// The self-test was passed.
        const SYSTEM = 1 << 2;
        /// Nothing today: the keyboard's lock is ignored.
        const IGNORE_LOCK = 1 << 3;
        /// The keyboard's clock is held low.
        const KEYBOARD_OFF = 1 << 4;
        /// The mouse's clock is held low.
        const MOUSE_OFF = 1 << 5;
        /// Scan codes are translated to set 1.
        const TRANSLATE = 1 << 6;
        /// Has no meaning.
        const SPARE = 1 << 7;
    }
}

/// Status: a byte waits at the data port.
const STATUS_OUTPUT: u8 = 1 << 0;
/// Status: the self-test was passed.
const STATUS_SYSTEM: u8 = 1 << 2;
/// Status: the last write was a command.
const STATUS_COMMAND: u8 = 1 << 3;
/// Status: the keyboard is not locked.
const STATUS_UNLOCKED: u8 = 1 << 4;
/// Status: the byte that waits is the mouse's.
const STATUS_MOUSE: u8 = 1 << 5;

/// Output port: not in reset.
const OUTPUT_RUNNING: u8 = 1 << 0;
/// Output port: address line 20 is not forced low.
const OUTPUT_LINE_20: u8 = 1 << 1;
/// Output port: interrupts of both devices, and their lines.
const OUTPUT_KEYBOARD: u8 = 1 << 4;
const OUTPUT_MOUSE: u8 = 1 << 5;
const OUTPUT_IDLE: u8 = 0b1100_0000;

const SELF_TEST_PASSED: u8 = 0x55;
const NO_PASSWORD: u8 = 0xF1;
/// Input port: the keyboard is not locked.
const INPUT_PORT: u8 = 0x80;
/// Bytes of RAM that commands reach; the first is the command byte.
pub(super) const RAM_BYTES: usize = 32;

/// Who sent the byte in the output buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Source {
    Keyboard,
    Mouse,
}

/// The output buffer and what fills it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Output {
    /// The byte that waits for the guest.
    pub(super) waiting: Option<(u8, Source)>,
    /// The byte that was read last: what an empty buffer still shows.
    pub(super) last: u8,
    /// The translation swallowed the announcement of a release.
    pub(super) releases: bool,
}

/// The controller with its keyboard and its mouse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct I8042 {
    pub(super) keyboard_line: Line,
    pub(super) mouse_line: Line,
    pub(super) keyboard: Keyboard,
    pub(super) mouse: Mouse,
    pub(super) output: Output,
    /// Byte 0 is the mode.
    pub(super) ram: [u8; RAM_BYTES],
    /// The command whose data is to come.
    pub(super) expects: Option<u8>,
    pub(super) last_was_command: bool,
    /// The switch of address line 20.
    pub(super) line_20: bool,
    /// Levels of both lines as they were last reported.
    pub(super) asserted: [bool; 2],
}

impl I8042 {
    /// A controller after power-on; the lines are those of interrupts 1 and 12.
    pub fn new(keyboard_line: Line, mouse_line: Line) -> Self {
        let mut ram = [0; RAM_BYTES];
        ram[0] = (Mode::KEYBOARD_INTERRUPT | Mode::MOUSE_INTERRUPT).bits();
        Self {
            keyboard_line,
            mouse_line,
            keyboard: Keyboard::new(),
            mouse: Mouse::new(),
            output: Output::default(),
            ram,
            expects: None,
            last_was_command: false,
            line_20: true,
            asserted: [false; 2],
        }
    }

    /// A key goes down or up; pressing one that is down repeats it. `false` if the guest has not read what was
    /// typed before: then nothing happened.
    #[must_use]
    pub fn stroke(&mut self, key: Key, stroke: Stroke, effects: &mut Effects) -> bool {
        let is_taken = self.keyboard.stroke(key, stroke);
        self.settle(effects);
        is_taken
    }

    /// The mouse moves. Movement that the guest does not read in time adds up.
    pub fn move_mouse(&mut self, motion: Motion, effects: &mut Effects) {
        self.mouse.moved(motion);
        self.settle(effects);
    }

    /// The keyboard's lights: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock.
    pub fn lights(&self) -> u8 {
        self.keyboard.lights()
    }

    /// Whether software has switched address line 20 on.
    pub fn has_line_20(&self) -> bool {
        self.line_20
    }

    pub(super) fn mode(&self) -> Mode {
        Mode::from_bits_retain(self.ram[0])
    }

    pub(super) fn status(&self) -> u8 {
        let mut status = STATUS_UNLOCKED;
        status |= match self.output.waiting {
            Some((_, Source::Mouse)) => STATUS_OUTPUT | STATUS_MOUSE,
            Some((_, Source::Keyboard)) => STATUS_OUTPUT,
            None => 0,
        };
        status |= if self.last_was_command { STATUS_COMMAND } else { 0 };
        status | if self.mode().contains(Mode::SYSTEM) { STATUS_SYSTEM } else { 0 }
    }

    /// The guest takes the byte that waits.
    pub(super) fn read_data(&mut self) -> u8 {
        if let Some((byte, _)) = self.output.waiting.take() {
            self.output.last = byte;
        }
        self.output.last
    }

    /// The guest writes to the data port: data of a command, or a byte for the keyboard.
    pub(super) fn write_data(&mut self, byte: u8, effects: &mut Effects) {
        self.last_was_command = false;
        match self.expects.take() {
            Some(command @ 0x60..=0x7F) => self.write_ram(command & 0x1F, byte),
            Some(0xD1) => self.write_output_port(byte, effects),
            Some(0xD2) => self.output.waiting = Some((byte, Source::Keyboard)),
            Some(0xD3) => self.output.waiting = Some((byte, Source::Mouse)),
            Some(0xD4) => {
                self.set_mode(Mode::MOUSE_OFF, false);
                self.mouse.write(byte);
            }
            _ => {
                self.set_mode(Mode::KEYBOARD_OFF, false);
                self.keyboard.write(byte);
            }
        }
    }

    // tidy: table
    /// The guest writes to the command port.
    pub(super) fn write_command(&mut self, command: u8, effects: &mut Effects) {
        self.last_was_command = true;
        self.expects = None;
        match command {
            0x20..=0x3F => {
                let byte = self.ram.get(usize::from(command & 0x1F)).copied().unwrap_or(0);
                self.answer(byte);
            }
            0x60..=0x7F | 0xD1..=0xD4 => self.expects = Some(command),
            0xA4 => self.answer(NO_PASSWORD),
            0xA7 => self.set_mode(Mode::MOUSE_OFF, true),
            0xA8 => self.set_mode(Mode::MOUSE_OFF, false),
            0xA9 | 0xAB => self.answer(0),
            0xAA => {
                self.set_mode(Mode::SYSTEM, true);
                self.answer(SELF_TEST_PASSED);
            }
            0xAD => self.set_mode(Mode::KEYBOARD_OFF, true),
            0xAE => self.set_mode(Mode::KEYBOARD_OFF, false),
            0xC0 => self.answer(INPUT_PORT),
            0xD0 => {
                let port = self.output_port();
                self.answer(port);
            }
            0xDD => self.line_20 = false,
            0xDF => self.line_20 = true,
            0xE0 => self.answer(0),
            // A pulse of the output lines whose bits are clear; bit 0 is the processor's reset.
            0xF0..=0xFF if command & OUTPUT_RUNNING == 0 => effects.request_power(PowerRequest::Reset),
            _ => {}
        }
    }

    /// Sets address line 20 and, if asked to, resets: port 0x92.
    pub(super) fn write_fast(&mut self, value: u8, effects: &mut Effects) {
        self.line_20 = value & OUTPUT_LINE_20 != 0;
        if value & 1 != 0 {
            effects.request_power(PowerRequest::Reset);
        }
    }

    /// Fills the output buffer and drives the lines after anything may have changed.
    pub(super) fn settle(&mut self, effects: &mut Effects) {
        self.fill();
        let mode = self.mode();
        let source = self.output.waiting.map(|(_, source)| source);
        let wants = [
            source == Some(Source::Keyboard) && mode.contains(Mode::KEYBOARD_INTERRUPT),
            source == Some(Source::Mouse) && mode.contains(Mode::MOUSE_INTERRUPT),
        ];
        let lines = [self.keyboard_line, self.mouse_line];
        for ((asserted, wants), line) in self.asserted.iter_mut().zip(wants).zip(lines) {
            if *asserted != wants {
                *asserted = wants;
                effects.set_line(line, Level::from_asserted(wants));
            }
        }
    }

    /// Lets the next byte of a device in, unless its clock is held.
    fn fill(&mut self) {
        let mode = self.mode();
        if self.output.waiting.is_none() && !mode.contains(Mode::KEYBOARD_OFF) {
            self.output.waiting = self.next_of_keyboard().map(|byte| (byte, Source::Keyboard));
        }
        if self.output.waiting.is_none() && !mode.contains(Mode::MOUSE_OFF) {
            self.output.waiting = self.mouse.pop().map(|byte| (byte, Source::Mouse));
        }
    }

    fn next_of_keyboard(&mut self) -> Option<u8> {
        if !self.mode().contains(Mode::TRANSLATE) {
            return self.keyboard.pop();
        }
        let byte = self.keyboard.pop()?;
        if !announces_release(byte) {
            return Some(self.translated(byte));
        }
        self.output.releases = true;
        let byte = self.keyboard.pop()?;
        Some(self.translated(byte))
    }

    fn translated(&mut self, byte: u8) -> u8 {
        let is_release = core::mem::take(&mut self.output.releases);
        translate(byte) | if is_release { 0x80 } else { 0 }
    }

    /// The controller's own answers look like the keyboard's, and replace what waits.
    fn answer(&mut self, byte: u8) {
        self.output.waiting = Some((byte, Source::Keyboard));
    }

    fn write_ram(&mut self, place: u8, byte: u8) {
        if let Some(cell) = self.ram.get_mut(usize::from(place)) {
            *cell = byte;
        }
    }

    fn set_mode(&mut self, bits: Mode, on: bool) {
        let mut mode = self.mode();
        mode.set(bits, on);
        self.ram[0] = mode.bits();
    }

    fn output_port(&self) -> u8 {
        let mut port = OUTPUT_RUNNING | OUTPUT_IDLE;
        port |= if self.line_20 { OUTPUT_LINE_20 } else { 0 };
        match self.output.waiting {
            Some((_, Source::Keyboard)) => port | OUTPUT_KEYBOARD,
            Some((_, Source::Mouse)) => port | OUTPUT_MOUSE,
            None => port,
        }
    }

    fn write_output_port(&mut self, value: u8, effects: &mut Effects) {
        self.line_20 = value & OUTPUT_LINE_20 != 0;
        if value & OUTPUT_RUNNING == 0 {
            effects.request_power(PowerRequest::Reset);
        }
    }
}
