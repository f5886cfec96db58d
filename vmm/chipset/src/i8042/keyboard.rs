//! The keyboard.

use super::{
    key::{Key, Stroke},
    scan_code::{CodeSet, Held, codes},
};
use crate::byte_queue::ByteQueue;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_snapshot::RestoreError;

/// Bytes that wait for the guest at the most.
pub(super) const QUEUE_BYTES: usize = 64;
/// Room that strokes leave free: for releases, and for answers to commands.
const PRESS_ROOM: usize = 32;

/// Answers (IBM PS/2 Hardware Interface Technical Reference, "commands to the system").
pub(super) const ACKNOWLEDGE: u8 = 0xFA;
pub(super) const RESEND: u8 = 0xFE;
pub(super) const SELF_TEST_PASSED: u8 = 0xAA;
const ECHO: u8 = 0xEE;
/// What it says it is: an MF2 keyboard.
const IDENTITY: [u8; 2] = [0xAB, 0x83];

/// Bytes from here on are commands, never data of one.
const FIRST_COMMAND: u8 = 0xED;
const SET_LIGHTS: u8 = 0xED;
const SET_CODES: u8 = 0xF0;
const SET_RATE: u8 = 0xF3;

/// The keyboard as a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Keyboard {
    queue: ByteQueue<QUEUE_BYTES>,
    set: CodeSet,
    is_scanning: bool,
    /// Scroll, Num and Caps Lock: bits 0 to 2.
    lights: u8,
    rate: u8,
    held: Held,
    /// The command whose data is to come.
    expects: Option<u8>,
    last_sent: u8,
}

/// What is saved of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct State {
    queue: Vec<u8>,
    set: u8,
    is_scanning: bool,
    lights: u8,
    rate: u8,
    alt: bool,
    control: bool,
    expects: Option<u8>,
    last_sent: u8,
}

/// 10.9 characters a second after half a second.
const RATE_DEFAULT: u8 = 0x2B;

impl Keyboard {
    pub(super) fn new() -> Self {
        Self {
            queue: ByteQueue::new(),
            set: CodeSet::Two,
            is_scanning: true,
            lights: 0,
            rate: RATE_DEFAULT,
            held: Held::default(),
            expects: None,
            last_sent: 0,
        }
    }

    /// A key goes down or up. `false` if there is no room for its codes: then nothing happened.
    pub(super) fn stroke(&mut self, key: Key, stroke: Stroke) -> bool {
        let codes = codes(self.set, key, stroke, self.held);
        let spare = if stroke == Stroke::Press { PRESS_ROOM } else { 0 };
        if self.is_scanning && self.queue.room() < codes.as_slice().len().saturating_add(spare) {
            return false;
        }
        let is_down = stroke == Stroke::Press;
        match key {
            Key::LEFT_ALT | Key::RIGHT_ALT => self.held.alt = is_down,
            Key::LEFT_CONTROL | Key::RIGHT_CONTROL => self.held.control = is_down,
            _ => {}
        }
        if self.is_scanning {
            self.answer(codes.as_slice());
        }
        true
    }

    /// The lights that the guest switched on: Scroll, Num, Caps Lock.
    pub(super) fn lights(&self) -> u8 {
        self.lights
    }

    pub(super) fn pop(&mut self) -> Option<u8> {
        let byte = self.queue.pop()?;
        self.last_sent = byte;
        Some(byte)
    }

    /// A byte from the guest.
    pub(super) fn write(&mut self, byte: u8) {
        match self.expects.take() {
            Some(command) if byte < FIRST_COMMAND => self.take_data(command, byte),
            _ => self.take_command(byte),
        }
    }

    pub(super) fn inspect(&self, inspector: &mut dyn vmm_bus::Inspector) {
        inspector.flag("scanning", self.is_scanning);
        inspector.number("lights", u64::from(self.lights));
        inspector.number("waiting for the guest", self.queue.len() as u64);
    }

    pub(super) fn save(&self) -> State {
        State {
            queue: self.queue.to_vec(),
            set: self.set_number(),
            is_scanning: self.is_scanning,
            lights: self.lights,
            rate: self.rate,
            alt: self.held.alt,
            control: self.held.control,
            expects: self.expects,
            last_sent: self.last_sent,
        }
    }

    pub(super) fn restore(state: &State) -> Result<Self, RestoreError> {
        let too_long = RestoreError::Impossible("a keyboard's queue is too long");
        let no_set = RestoreError::Impossible("a keyboard has three sets of scan codes");
        Ok(Self {
            queue: ByteQueue::from_slice(&state.queue).ok_or(too_long)?,
            set: code_set(state.set).ok_or(no_set)?,
            is_scanning: state.is_scanning,
            lights: state.lights & 7,
            rate: state.rate & 0x7F,
            held: Held { alt: state.alt, control: state.control },
            expects: state.expects,
            last_sent: state.last_sent,
        })
    }

    fn take_command(&mut self, command: u8) {
        match command {
            ECHO => self.answer(&[ECHO]),
            SET_LIGHTS | SET_CODES | SET_RATE | 0xFB..=0xFD => {
                self.expects = Some(command);
                self.answer(&[ACKNOWLEDGE]);
            }
            0xF2 => self.answer(&[ACKNOWLEDGE, IDENTITY[0], IDENTITY[1]]),
            0xF4 => self.set_defaults(true),
            0xF5 => self.set_defaults(false),
            0xF6 => self.set_defaults(self.is_scanning),
            // What keys of set 3 do: they repeat and report their release whatever one says.
            0xF7..=0xFA => self.answer(&[ACKNOWLEDGE]),
            0xFE => self.answer(&[self.last_sent]),
            0xFF => {
                let (held, lights) = (self.held, 0);
                *self = Self { held, lights, ..Self::new() };
                self.answer(&[ACKNOWLEDGE, SELF_TEST_PASSED]);
            }
            _ => self.answer(&[RESEND]),
        }
    }

    fn take_data(&mut self, command: u8, data: u8) {
        match (command, data) {
            (SET_LIGHTS, _) => self.lights = data & 7,
            (SET_RATE, _) => self.rate = data & 0x7F,
            (SET_CODES, 0) => {
                self.answer(&[ACKNOWLEDGE, self.set_number()]);
                return;
            }
            (SET_CODES, _) => match code_set(data) {
                Some(set) => self.set = set,
                None => {
                    self.answer(&[RESEND]);
                    return;
                }
            },
            // A list of keys goes on until the next command.
            _ => self.expects = Some(command),
        }
        self.answer(&[ACKNOWLEDGE]);
    }

    fn set_defaults(&mut self, is_scanning: bool) {
        self.queue.clear();
        self.is_scanning = is_scanning;
        self.rate = RATE_DEFAULT;
        self.answer(&[ACKNOWLEDGE]);
    }

    /// Queues bytes; those that find no room are lost, as in a keyboard.
    fn answer(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.queue.push(*byte);
        }
    }

    fn set_number(&self) -> u8 {
        match self.set {
            CodeSet::One => 1,
            CodeSet::Two => 2,
            CodeSet::Three => 3,
        }
    }
}

fn code_set(number: u8) -> Option<CodeSet> {
    match number {
        1 => Some(CodeSet::One),
        2 => Some(CodeSet::Two),
        3 => Some(CodeSet::Three),
        _ => None,
    }
}
