//! The timer as a value.

use super::{counter::Counter, program::ControlWord};
use base_units::Nanos;
use vmm_bus::{Attention, Effects, Level, Line};

/// Ticks in one second (8254 on PCs: 14.31818 MHz / 12).
const TICK_HZ: u128 = 1_193_182;
const NANOS_PER_SECOND: u128 = 1_000_000_000;
/// Ticks between two wake-ups at the least: 20 microseconds. Faster rates lose interrupts instead of
/// occupying a processor.
const WAKE_UP_TICKS_MIN: u64 = 24;
/// Ticks between two changes of the refresh bit: what a PC programs counter 1 with.
const REFRESH_TICKS: u64 = 18;

/// Port 0x61: gate of counter 2.
pub(super) const CONTROL_GATE: u8 = 1 << 0;
/// Port 0x61: bits that software writes.
const CONTROL_WRITABLE: u8 = 0x0F;
/// Port 0x61: changes with every memory refresh.
const CONTROL_REFRESH: u8 = 1 << 4;
/// Port 0x61: output of counter 2.
const CONTROL_OUTPUT: u8 = 1 << 5;

/// The counter that interrupts.
pub(super) const INTERRUPT_COUNTER: usize = 0;
/// The counter of the speaker.
pub(super) const SPEAKER_COUNTER: usize = 2;

/// The timer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pit {
    /// Interrupt 0.
    pub(super) line: Line,
    pub(super) counters: [Counter; 3],
    /// What software wrote to port 0x61.
    pub(super) control: u8,
    /// The tick before which nobody is woken again.
    pub(super) rest_until: u64,
    /// Level of the line as it was last reported.
    pub(super) asserted: bool,
}

impl Pit {
    /// A timer that nobody has programmed. `line` is that of counter 0.
    pub fn new(line: Line) -> Self {
        Self {
            line,
            counters: [Counter::new(true), Counter::new(true), Counter::new(false)],
            control: 0,
            rest_until: 0,
            asserted: false,
        }
    }

    /// Whether the speaker is connected to counter 2.
    pub fn is_speaker_on(&self) -> bool {
        self.control & 0b11 == 0b11
    }

    /// Lets time pass and reports edges of counter 0.
    pub(super) fn catch_up(&mut self, now: Nanos, effects: &mut Effects) {
        let now = ticks(now);
        let rose = self.counters.each_mut().map(|counter| counter.catch_up(now));
        if rose[INTERRUPT_COUNTER] {
            self.rest_until = now.saturating_add(WAKE_UP_TICKS_MIN);
            if self.asserted {
                effects.set_line(self.line, Level::Low);
            }
            effects.set_line(self.line, Level::High);
            self.asserted = true;
            effects.note(Attention::DEADLINE);
        }
    }

    /// After software programmed counter 0: the line falls with the output where that means something.
    pub(super) fn report(&mut self, effects: &mut Effects) {
        let [interrupting, _, _] = &self.counters;
        if self.asserted && !interrupting.is_running() && !interrupting.output() {
            self.asserted = false;
            effects.set_line(self.line, Level::Low);
        }
        effects.note(Attention::DEADLINE);
    }

    /// When counter 0 interrupts next.
    pub(super) fn next_interrupt(&self) -> Nanos {
        let [interrupting, _, _] = &self.counters;
        interrupting.next_rise().map_or(Nanos::MAX, |tick| nanos(tick.max(self.rest_until)))
    }

    pub(super) fn write_control_word(&mut self, value: u8) {
        match ControlWord::decode(value) {
            ControlWord::Latch { counter } => self.with_counter(counter, Counter::latch_count),
            ControlWord::ReadBack { counters, count, status } => {
                for counter in (0..3).filter(|counter| counters & 1 << counter != 0) {
                    if status {
                        self.with_counter(counter, Counter::latch_status);
                    }
                    if count {
                        self.with_counter(counter, Counter::latch_count);
                    }
                }
            }
            ControlWord::Program { counter, access, mode, is_decimal } => {
                self.with_counter(counter, |counter| counter.program(access, mode, is_decimal));
            }
        }
    }

    /// What port 0x61 reads as.
    pub(super) fn control(&self, now: Nanos) -> u8 {
        let refresh = if (ticks(now) / REFRESH_TICKS).is_multiple_of(2) { 0 } else { CONTROL_REFRESH };
        let [_, _, speaker] = &self.counters;
        let output = if speaker.output() { CONTROL_OUTPUT } else { 0 };
        self.control | refresh | output
    }

    pub(super) fn write_control(&mut self, value: u8) {
        self.control = value & CONTROL_WRITABLE;
        let [_, _, speaker] = &mut self.counters;
        speaker.set_gate(value & CONTROL_GATE != 0);
    }

    fn with_counter(&mut self, number: u8, act: impl FnOnce(&mut Counter)) {
        if let Some(counter) = self.counters.get_mut(usize::from(number)) {
            act(counter);
        }
    }
}

/// Ticks since the host's clock began.
fn ticks(now: Nanos) -> u64 {
    let ticks = u128::from(now.raw()).saturating_mul(TICK_HZ) / NANOS_PER_SECOND;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// The first nanosecond of a tick.
fn nanos(tick: u64) -> Nanos {
    let nanos = u128::from(tick).saturating_mul(NANOS_PER_SECOND).div_ceil(TICK_HZ);
    Nanos::new(u64::try_from(nanos).unwrap_or(u64::MAX))
}
