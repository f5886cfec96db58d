//! The keyboard: boot and report protocol are the same (HID 1.11, appendix B.1).

use super::{Report, ReportQueue};
use crate::{
    descriptors::Descriptors,
    device::{Function, Stall},
    setup::Setup,
};
use alloc::{vec, vec::Vec};
use base_units::Nanos;
use serde::{Deserialize, Serialize};
use spec::usb::{
    PROTOCOL_KEYBOARD, SUBCLASS_BOOT,
    hid_request::{GET_IDLE, GET_PROTOCOL, GET_REPORT, SET_IDLE, SET_PROTOCOL, SET_REPORT},
    report_kind::{INPUT, OUTPUT},
};
use vmm_chipset::i8042::{Key, Stroke};

/// Usages of the modifier keys: one bit each.
const FIRST_MODIFIER: u8 = 0xE0;
const LAST_MODIFIER: u8 = 0xE7;
/// The first usage that is a key, and the last that the report descriptor knows.
const FIRST_KEY: u8 = 0x04;
/// Keys that a report tells of.
const REPORTED_KEYS: usize = 6;
/// Keys that are known to be held at the same time at the most.
const HELD_MAX: usize = 32;
/// In place of keys when more are held than a report tells of (appendix C).
const ROLL_OVER: u8 = 0x01;
/// Lamps: Num, Caps and Scroll Lock, Compose, Kana.
const LAMPS: u8 = 0x1F;
/// Unit of the idle rate (7.2.4).
const IDLE_UNIT: Nanos = Nanos::from_millis(4);

/// Modifiers, a reserved byte, lamps, six keys.
// tidy: table
const REPORT: [u8; 63] = [
    0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x75, 0x01, 0x95, 0x08, 0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15,
    0x00, 0x25, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x01, 0x95, 0x05, 0x75, 0x01, 0x05, 0x08,
    0x19, 0x01, 0x29, 0x05, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91, 0x01, 0x95, 0x06, 0x75, 0x08, 0x15,
    0x00, 0x25, 0xFF, 0x05, 0x07, 0x19, 0x00, 0x29, 0xFF, 0x81, 0x00, 0xC0,
];

static DESCRIPTORS: Descriptors = Descriptors {
    product: "USB Keyboard",
    serial: "corten-keyboard",
    subclass: SUBCLASS_BOOT,
    protocol: PROTOCOL_KEYBOARD,
    report: &REPORT,
    packet: 8,
    // 8 ms.
    interval: 7,
};

/// The keyboard.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Keyboard {
    modifiers: u8,
    /// Other keys that are held, in the order in which they went down.
    held: Vec<u8>,
    pub(super) lamps: u8,
    protocol: u8,
    /// After how many units a report is repeated while keys are held; 0 = never.
    idle: u8,
    queue: ReportQueue<Report>,
    /// When that will be.
    repeats_at_ns: u64,
}

impl Default for Keyboard {
    fn default() -> Self {
        Self {
            modifiers: 0,
            held: Vec::new(),
            lamps: 0,
            // The report protocol (7.2.6).
            protocol: 1,
            idle: 0,
            queue: ReportQueue::default(),
            repeats_at_ns: u64::MAX,
        }
    }
}

impl Keyboard {
    /// A key goes down or up.
    pub(crate) fn stroke(&mut self, key: Key, stroke: Stroke, now: Nanos) {
        if self.take(key.0, stroke) {
            let report = self.report();
            self.queue.push(report, now);
        }
    }

    /// Whether the host has not asked for long.
    pub(crate) fn is_forgotten(&self, now: Nanos) -> bool {
        self.queue.is_forgotten(now)
    }

    /// Lets go of everything that the host has not been told.
    pub(crate) fn forget(&mut self) {
        self.queue.clear();
        self.held.clear();
        self.modifiers = 0;
        self.repeats_at_ns = u64::MAX;
    }

    /// Which lamps are lit: bit 0 Num Lock, 1 Caps Lock, 2 Scroll Lock.
    pub(crate) fn lamps(&self) -> u8 {
        self.lamps
    }

    /// When it has something to say though nothing happens: a held key is repeated because the host set an idle rate.
    pub(crate) fn deadline(&self) -> Nanos {
        Nanos::new(self.repeats_at_ns)
    }

    /// The deadline may have passed.
    pub(crate) fn advance(&mut self, now: Nanos) {
        if now.raw() >= self.repeats_at_ns {
            self.repeats_at_ns = u64::MAX;
            if self.queue.is_empty() {
                let report = self.report();
                self.queue.push(report, now);
            }
        }
    }

    /// Whether a keyboard can be like this.
    pub(crate) fn is_possible(&self) -> bool {
        self.held.len() <= HELD_MAX && self.queue.is_possible()
    }

    /// How many reports wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// `false` if that changes nothing.
    fn take(&mut self, usage: u8, stroke: Stroke) -> bool {
        if let FIRST_MODIFIER..=LAST_MODIFIER = usage {
            let bit = 1 << (usage & 7);
            let before = self.modifiers;
            match stroke {
                Stroke::Press => self.modifiers |= bit,
                Stroke::Release => self.modifiers &= !bit,
            }
            return self.modifiers != before;
        }
        let place = self.held.iter().position(|held| *held == usage);
        match (stroke, place) {
            (Stroke::Press, None) if usage >= FIRST_KEY && self.held.len() < HELD_MAX => {
                self.held.push(usage);
                true
            }
            (Stroke::Release, Some(place)) => {
                self.held.remove(place);
                true
            }
            _ => false,
        }
    }

    fn report(&self) -> Report {
        let mut keys = [0; REPORTED_KEYS];
        if self.held.len() > REPORTED_KEYS {
            keys = [ROLL_OVER; REPORTED_KEYS];
        } else {
            keys.iter_mut().zip(&self.held).for_each(|(to, from)| *to = *from);
        }
        let [first, second, third, fourth, fifth, sixth] = keys;
        Report::new([self.modifiers, 0, first, second, third, fourth, fifth, sixth])
    }

    fn is_idle(&self) -> bool {
        self.held.is_empty() && self.modifiers == 0
    }

    fn plan_repeat(&mut self, now: Nanos) {
        let after = IDLE_UNIT.raw().saturating_mul(u64::from(self.idle));
        let is_over = self.idle == 0 || self.is_idle();
        self.repeats_at_ns = if is_over { u64::MAX } else { now.raw().saturating_add(after) };
    }
}

impl Function for Keyboard {
    fn descriptors(&self) -> &'static Descriptors {
        &DESCRIPTORS
    }

    fn class_in(&mut self, setup: &Setup) -> Result<Vec<u8>, Stall> {
        let (kind, _) = setup.value_bytes();
        match (setup.request, kind) {
            (GET_REPORT, INPUT) => Ok(self.report().bytes().to_vec()),
            (GET_REPORT, OUTPUT) => Ok(vec![self.lamps]),
            (GET_IDLE, _) => Ok(vec![self.idle]),
            (GET_PROTOCOL, _) => Ok(vec![self.protocol]),
            _ => Err(Stall),
        }
    }

    fn class_out(&mut self, setup: &Setup, data: &[u8]) -> Result<(), Stall> {
        let (high, low) = setup.value_bytes();
        match (setup.request, high) {
            (SET_REPORT, OUTPUT) => self.lamps = data.first().ok_or(Stall)? & LAMPS,
            (SET_IDLE, _) => {
                self.idle = high;
                self.repeats_at_ns = u64::MAX;
            }
            (SET_PROTOCOL, _) => self.protocol = low & 1,
            _ => return Err(Stall),
        }
        Ok(())
    }

    fn take_report(&mut self, now: Nanos) -> Option<Report> {
        let report = self.queue.pop(now)?;
        self.plan_repeat(now);
        Some(report)
    }

    fn has_report(&self) -> bool {
        !self.queue.is_empty()
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
