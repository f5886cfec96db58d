//! One counter. Times are ticks of its clock.

use super::{
    program::{Access, Port},
    wave::Mode,
};
use serde::{Deserialize, Serialize};
use vmm_bus::Inspector;

/// Status bit: the output.
const STATUS_OUTPUT: u8 = 1 << 7;
/// Status bit: the count that was written last is not counted yet.
const STATUS_NULL: u8 = 1 << 6;

/// How far a counter is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Phase {
    /// No count was written since it was programmed.
    Idle,
    /// Its gate has not started it yet.
    Armed,
    /// It was started at this tick.
    Running { start: u64 },
    /// Its gate stopped it after so many ticks.
    Stopped { elapsed: u64 },
}

/// One counter of three.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Counter {
    port: Port,
    mode: Mode,
    is_decimal: bool,
    gate: bool,
    phase: Phase,
    /// The count as software wrote it; 0 is the largest.
    count: u16,
    /// The count that comes next, at the end of the period or with the gate.
    next: Option<u16>,
    /// The tick up to which everything has happened.
    checked: u64,
}

impl Counter {
    pub(super) fn new(gate: bool) -> Self {
        Self {
            port: Port::new(Access::Both),
            mode: Mode::Square,
            is_decimal: false,
            gate,
            phase: Phase::Idle,
            count: 0,
            next: None,
            checked: 0,
        }
    }

    /// Lets time pass. Whether the output rose meanwhile.
    pub(super) fn catch_up(&mut self, now: u64) -> bool {
        let rise = self.next_rise();
        let has_risen = rise.is_some_and(|rise| rise <= now);
        // A new count of a periodic mode begins with a period, where the output rises.
        if let (true, true, Some(start), Some(count)) = (has_risen, self.mode.is_periodic(), rise, self.next)
        {
            self.phase = Phase::Running { start };
            self.count = count;
            self.next = None;
        }
        self.checked = now.max(self.checked);
        has_risen
    }

    /// The tick at which the output rises next.
    pub(super) fn next_rise(&self) -> Option<u64> {
        let Phase::Running { start } = self.phase else { return None };
        let elapsed = self.checked.saturating_sub(start);
        start.checked_add(self.mode.next_rise(elapsed, self.period())?)
    }

    pub(super) fn output(&self) -> bool {
        match self.phase {
            Phase::Idle | Phase::Armed => self.mode.idle_output(),
            Phase::Stopped { .. } if self.mode.is_periodic() => true,
            Phase::Stopped { elapsed } => self.mode.output(elapsed, self.period()),
            Phase::Running { start } => self.mode.output(self.checked.saturating_sub(start), self.period()),
        }
    }

    /// A control word.
    pub(super) fn program(&mut self, access: Access, mode: Mode, is_decimal: bool) {
        self.port = Port::new(access);
        self.mode = mode;
        self.is_decimal = is_decimal;
        self.phase = Phase::Idle;
        self.next = None;
    }

    /// A byte at the counter's port.
    pub(super) fn write(&mut self, byte: u8) {
        match self.port.write(byte) {
            Some(count) => self.load(count),
            // The first byte stops this mode (8254 data sheet, "mode 0").
            None if self.mode == Mode::Terminal => self.phase = Phase::Idle,
            None => {}
        }
    }

    /// Reads a byte at the counter's port.
    pub(super) fn read(&mut self) -> u8 {
        let count = self.value();
        self.port.read(|| count)
    }

    pub(super) fn latch_count(&mut self) {
        let count = self.value();
        self.port.latch_count(count);
    }

    pub(super) fn latch_status(&mut self) {
        let is_null = self.next.is_some() || matches!(self.phase, Phase::Idle | Phase::Armed);
        let mut status = self.port.status_bits() | self.mode.bits() << 1 | u8::from(self.is_decimal);
        status |= if self.output() { STATUS_OUTPUT } else { 0 };
        status |= if is_null { STATUS_NULL } else { 0 };
        self.port.latch_status(status);
    }

    /// The gate's level now.
    pub(super) fn set_gate(&mut self, gate: bool) {
        let (before, now) = (self.gate, self.checked);
        self.gate = gate;
        self.phase = match (before, gate, self.phase) {
            (_, _, Phase::Idle) => Phase::Idle,
            (false, true, Phase::Stopped { elapsed }) if !self.mode.is_periodic() => {
                Phase::Running { start: now.saturating_sub(elapsed) }
            }
            (false, true, _) => {
                self.count = self.next.take().unwrap_or(self.count);
                Phase::Running { start: now }
            }
            (true, false, Phase::Running { start }) if !self.mode.starts_by_gate() => {
                Phase::Stopped { elapsed: now.saturating_sub(start) }
            }
            (_, _, phase) => phase,
        };
    }

    /// Whether it is being clocked.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Reports live state.
    pub(super) fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("mode", u64::from(self.mode.bits()));
        inspector.number("period", self.period());
        inspector.flag("running", self.is_running());
    }

    fn load(&mut self, count: u16) {
        let now = self.checked;
        let waits = match self.phase {
            Phase::Idle => false,
            Phase::Running { .. } => self.mode.is_periodic() || self.mode.starts_by_gate(),
            Phase::Armed | Phase::Stopped { .. } => false,
        };
        if waits {
            self.next = Some(count);
            return;
        }
        self.count = count;
        self.next = None;
        self.phase = match (self.mode.starts_by_gate(), self.gate) {
            (true, _) => Phase::Armed,
            (false, true) => Phase::Running { start: now },
            (false, false) => Phase::Stopped { elapsed: 0 },
        };
    }

    /// What the counting element holds.
    fn value(&self) -> u16 {
        let elapsed = match self.phase {
            Phase::Idle | Phase::Armed => 0,
            Phase::Running { start } => self.checked.saturating_sub(start),
            Phase::Stopped { elapsed } => elapsed,
        };
        let value = self.mode.value(elapsed, self.period(), self.modulus());
        if self.is_decimal { to_decimal(value) } else { (value & 0xFFFF) as u16 }
    }

    fn modulus(&self) -> u64 {
        if self.is_decimal { 10_000 } else { 0x1_0000 }
    }

    /// Ticks of one period.
    fn period(&self) -> u64 {
        let count = if self.is_decimal { from_decimal(self.count) } else { u64::from(self.count) };
        if count == 0 { self.modulus() } else { count }
    }
}

/// The four digits of a number.
fn to_decimal(value: u64) -> u16 {
    let digit = |place: u32| (value / 10_u64.pow(place) % 10) << (4 * place);
    (digit(3) | digit(2) | digit(1) | digit(0)) as u16
}

/// The number of four digits; software may write digits above nine.
fn from_decimal(digits: u16) -> u64 {
    (0..4).map(|place: u32| u64::from(digits >> (4 * place) & 0xF) * 10_u64.pow(place)).sum()
}
