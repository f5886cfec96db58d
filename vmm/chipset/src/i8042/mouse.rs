//! The mouse.

use super::{
    key::Motion,
    keyboard::{ACKNOWLEDGE, RESEND, SELF_TEST_PASSED},
    packet::{Kind, Pending},
};
use crate::byte_queue::ByteQueue;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_snapshot::RestoreError;

/// Bytes that wait for the guest at the most.
pub(super) const QUEUE_BYTES: usize = 16;
const SET_RESOLUTION: u8 = 0xE8;
const SET_RATE: u8 = 0xF3;
const RESET_WRAP: u8 = 0xEC;
const RESET: u8 = 0xFF;
/// Rates that, set one after the other, show a wheel ...
const WHEEL_KNOCK: [u8; 3] = [200, 100, 80];
/// ... and five buttons.
const BUTTONS_KNOCK: [u8; 3] = [200, 200, 80];
/// Reports a second, after reset.
const RATE_DEFAULT: u8 = 100;
/// Resolution after reset: 4 counts a millimetre.
const RESOLUTION_DEFAULT: u8 = 2;

/// When it reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Mode {
    /// When it moves, if reporting is on.
    Stream,
    /// When it is asked.
    Remote,
}

/// The mouse as a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mouse {
    queue: ByteQueue<QUEUE_BYTES>,
    settings: Settings,
    pending: Pending,
    expects: Option<u8>,
    last_sent: u8,
}

/// What commands change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Settings {
    kind: Kind,
    mode: Mode,
    /// It answers with what it is sent.
    echoes: bool,
    is_reporting: bool,
    doubles: bool,
    resolution: u8,
    rate: u8,
    /// The rates that were set before this one.
    knock: [u8; 3],
}

/// What is saved of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct State {
    queue: Vec<u8>,
    settings: Settings,
    pending: Pending,
    expects: Option<u8>,
    last_sent: u8,
}

impl Settings {
    const DEFAULT: Self = Self {
        kind: Kind::Standard,
        mode: Mode::Stream,
        echoes: false,
        is_reporting: false,
        doubles: false,
        resolution: RESOLUTION_DEFAULT,
        rate: RATE_DEFAULT,
        knock: [0; 3],
    };

    fn set_rate(&mut self, rate: u8) {
        let [_, second, third] = self.knock;
        self.rate = rate;
        self.knock = [second, third, rate];
        self.kind = match self.knock {
            WHEEL_KNOCK => Kind::Wheel,
            BUTTONS_KNOCK if self.kind != Kind::Standard => Kind::FiveButtons,
            _ => self.kind,
        };
    }
}

impl Mouse {
    pub(super) fn new() -> Self {
        Self {
            queue: ByteQueue::new(),
            settings: Settings::DEFAULT,
            pending: Pending::default(),
            expects: None,
            last_sent: 0,
        }
    }

    pub(super) fn moved(&mut self, motion: Motion) {
        self.pending.add(motion);
        if self.settings.mode == Mode::Stream && !self.settings.is_reporting {
            // Nobody wants to know where it went meanwhile.
            self.pending.clear();
        }
    }

    /// The next byte. In stream mode movement becomes a packet when the last one is gone.
    pub(super) fn pop(&mut self) -> Option<u8> {
        if self.queue.is_empty() && self.expects.is_none() && self.streams() {
            self.queue_packet();
        }
        let byte = self.queue.pop()?;
        self.last_sent = byte;
        Some(byte)
    }

    /// A byte from the guest.
    pub(super) fn write(&mut self, byte: u8) {
        if self.settings.echoes && byte != RESET_WRAP && byte != RESET {
            self.answer(&[byte]);
            return;
        }
        match self.expects.take() {
            Some(SET_RESOLUTION) => self.settings.resolution = byte & 3,
            Some(_) => self.settings.set_rate(byte),
            None => {
                self.take_command(byte);
                return;
            }
        }
        self.answer(&[ACKNOWLEDGE]);
    }

    pub(super) fn inspect(&self, inspector: &mut dyn vmm_bus::Inspector) {
        inspector.flag("reporting", self.settings.is_reporting);
        inspector.number("identity", u64::from(self.settings.kind.identity()));
        inspector.number("waiting for the guest", self.queue.len() as u64);
    }

    pub(super) fn save(&self) -> State {
        State {
            queue: self.queue.to_vec(),
            settings: self.settings,
            pending: self.pending,
            expects: self.expects,
            last_sent: self.last_sent,
        }
    }

    pub(super) fn restore(state: &State) -> Result<Self, RestoreError> {
        let too_long = RestoreError::Impossible("a mouse's queue is too long");
        Ok(Self {
            queue: ByteQueue::from_slice(&state.queue).ok_or(too_long)?,
            settings: state.settings,
            pending: state.pending,
            expects: state.expects,
            last_sent: state.last_sent,
        })
    }

    fn streams(&self) -> bool {
        let Settings { mode, is_reporting, echoes, kind, .. } = self.settings;
        mode == Mode::Stream && is_reporting && !echoes && self.pending.is_any(kind)
    }

    // tidy: table
    fn take_command(&mut self, command: u8) {
        // Any command interrupts a packet (PS/2 mouse, "stream mode").
        self.queue.clear();
        match command {
            0xE6 => self.settings.doubles = false,
            0xE7 => self.settings.doubles = true,
            SET_RESOLUTION | SET_RATE => self.expects = Some(command),
            0xE9 => {
                let status = self.status();
                self.answer(&[ACKNOWLEDGE, status, self.settings.resolution, self.settings.rate]);
                return;
            }
            0xEA => self.settings.mode = Mode::Stream,
            0xEB => {
                self.answer(&[ACKNOWLEDGE]);
                self.queue_packet();
                return;
            }
            RESET_WRAP => self.settings.echoes = false,
            0xEE => self.settings.echoes = true,
            0xF0 => self.settings.mode = Mode::Remote,
            0xF2 => {
                self.answer(&[ACKNOWLEDGE, self.settings.kind.identity()]);
                return;
            }
            0xF4 => self.settings.is_reporting = true,
            0xF5 => self.settings.is_reporting = false,
            0xF6 => self.settings = Settings { kind: self.settings.kind, ..Settings::DEFAULT },
            0xFE => {
                self.answer(&[self.last_sent]);
                return;
            }
            RESET => {
                self.settings = Settings::DEFAULT;
                self.pending.clear();
                self.answer(&[ACKNOWLEDGE, SELF_TEST_PASSED, Kind::Standard.identity()]);
                return;
            }
            _ => {
                self.answer(&[RESEND]);
                return;
            }
        }
        self.pending.clear();
        self.answer(&[ACKNOWLEDGE]);
    }

    /// The first byte of a status report: mode, reporting, scaling, and the buttons the other way round.
    fn status(&self) -> u8 {
        let bit = |condition: bool, number: u8| u8::from(condition) << number;
        let buttons = self.pending.main_buttons();
        bit(self.settings.mode == Mode::Remote, 6)
            | bit(self.settings.is_reporting, 5)
            | bit(self.settings.doubles, 4)
            | (buttons & 1) << 2
            | (buttons & 4) >> 1
            | (buttons & 2) >> 1
    }

    fn queue_packet(&mut self) {
        let kind = self.settings.kind;
        let packet = self.pending.take_packet(kind);
        self.answer(packet.get(..kind.packet_bytes()).unwrap_or(&[]));
    }

    fn answer(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.queue.push(*byte);
        }
    }
}
