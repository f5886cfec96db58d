//! The tablet: a pointer that says where it is, not how it moved. Any operating system takes it for a mouse.

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
    hid_request::{GET_IDLE, GET_REPORT, SET_IDLE},
    report_kind::INPUT,
};

/// Its three buttons.
const BUTTONS: u8 = 0b111;
/// The wheel's reach in one report.
const WHEEL_MAX: i8 = 127;

/// Three buttons, X and Y from 0 to 32767, the wheel.
// tidy: table
const REPORT: [u8; 74] = [
    0x05, 0x01, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x01, 0xA1, 0x00, 0x05, 0x09, 0x19, 0x01, 0x29, 0x03, 0x15,
    0x00, 0x25, 0x01, 0x95, 0x03, 0x75, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x05, 0x81, 0x01, 0x05, 0x01,
    0x09, 0x30, 0x09, 0x31, 0x15, 0x00, 0x26, 0xFF, 0x7F, 0x35, 0x00, 0x46, 0xFF, 0x7F, 0x75, 0x10, 0x95,
    0x02, 0x81, 0x02, 0x05, 0x01, 0x09, 0x38, 0x15, 0x81, 0x25, 0x7F, 0x35, 0x00, 0x45, 0x00, 0x75, 0x08,
    0x95, 0x01, 0x81, 0x06, 0xC0, 0xC0,
];

static DESCRIPTORS: Descriptors = Descriptors {
    product: "USB Tablet",
    serial: "corten-tablet",
    subclass: 0,
    protocol: 0,
    report: &REPORT,
    packet: 8,
    // 1 ms.
    interval: 4,
};

/// Where a pointer is and what it does there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Position {
    /// From the left edge, 0, to the right one, [`Position::END`].
    pub x: u16,
    /// From the upper edge to the lower one, likewise.
    pub y: u16,
    /// Buttons that are down: bit 0 left, 1 right, 2 middle.
    pub buttons: u8,
    /// How the wheel turned since the last one, towards the user.
    pub wheel: i16,
}

impl Position {
    /// The right and lower edges.
    pub const END: u16 = 0x7FFF;

    /// As the host is told: its wheel turns the other way.
    fn report(self) -> Report {
        let ([x_low, x_high], [y_low, y_high]) = (self.x.to_le_bytes(), self.y.to_le_bytes());
        let limit = i16::from(WHEEL_MAX);
        let [wheel, _] = self.wheel.saturating_neg().clamp(-limit, limit).to_le_bytes();
        Report::new([self.buttons, x_low, x_high, y_low, y_high, wheel])
    }
}

/// The tablet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tablet {
    /// As it is now; its wheel does not turn.
    now: Position,
    idle: u8,
    queue: ReportQueue<Told>,
}

/// What the host is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Told {
    position: Position,
    /// Buttons changed here: the place matters.
    is_click: bool,
}

impl Tablet {
    /// The pointer is somewhere else, or its buttons changed, or its wheel turned. Places on the way that nobody has
    /// asked for are forgotten; buttons are not.
    pub(crate) fn point(&mut self, position: Position, now: Nanos) {
        let position = Position {
            x: position.x.min(Position::END),
            y: position.y.min(Position::END),
            buttons: position.buttons & BUTTONS,
            wheel: position.wheel,
        };
        let resting = Position { wheel: 0, ..position };
        if position == self.now {
            return;
        }
        let is_click = self.now.buttons != position.buttons;
        self.now = resting;
        match self.queue.newest_mut() {
            Some(newest) if !is_click && !newest.is_click => {
                let wheel = newest.position.wheel.saturating_add(position.wheel);
                newest.position = Position { wheel, ..position };
            }
            _ => self.queue.push(Told { position, is_click }, now),
        }
    }

    /// Whether the host has not asked for long.
    pub(crate) fn is_forgotten(&self, now: Nanos) -> bool {
        self.queue.is_forgotten(now)
    }

    /// Lets go of everything that the host has not been told.
    pub(crate) fn forget(&mut self) {
        self.queue.clear();
        self.now = Position::default();
    }

    /// Whether a tablet can be like this.
    pub(crate) fn is_possible(&self) -> bool {
        self.queue.is_possible()
    }

    /// How many reports wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl Function for Tablet {
    fn descriptors(&self) -> &'static Descriptors {
        &DESCRIPTORS
    }

    fn class_in(&mut self, setup: &Setup) -> Result<Vec<u8>, Stall> {
        let (kind, _) = setup.value_bytes();
        match (setup.request, kind) {
            (GET_REPORT, INPUT) => Ok(self.now.report().bytes().to_vec()),
            (GET_IDLE, _) => Ok(vec![self.idle]),
            _ => Err(Stall),
        }
    }

    /// It has no boot protocol. Its idle rate is kept and means nothing: where a pointer is need not be said twice.
    fn class_out(&mut self, setup: &Setup, _data: &[u8]) -> Result<(), Stall> {
        let (high, _) = setup.value_bytes();
        match setup.request {
            SET_IDLE => {
                self.idle = high;
                Ok(())
            }
            _ => Err(Stall),
        }
    }

    fn take_report(&mut self, now: Nanos) -> Option<Report> {
        self.queue.pop(now).map(|told| told.position.report())
    }

    fn has_report(&self) -> bool {
        !self.queue.is_empty()
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
