//! The block as a value.

use super::{
    registers::{
        CAPABILITIES, CAPABILITIES_VALUE, CONFIGURATION, CONFIGURATION_WRITABLE, COUNTER, ENABLE,
        FIRST_TIMER, LEGACY, PERIOD_NANOS, STATUS, TIMER_STRIDE, TIMERS,
    },
    timer::{Delivery, Timer},
};
use base_units::Nanos;
use vmm_bus::{Attention, Effects, Level, Line};

/// Ticks between two wake-ups at the least: 20 microseconds. Faster rates lose interrupts instead of
/// occupying a processor.
const WAKE_UP_TICKS_MIN: u64 = 2000;

/// How the block is wired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wiring {
    /// The first of three numbers that its timers have among the sources of every pin.
    pub first_source: u8,
    /// The line of the 8254, which timer 0 replaces in legacy mode.
    pub timer: Line,
    /// The line of the clock, which timer 1 replaces.
    pub clock: Line,
}

/// The timer block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hpet {
    pub(super) wiring: Wiring,
    pub(super) configuration: u64,
    /// Timers whose level waits to be acknowledged, one bit each.
    pub(super) status: u64,
    pub(super) timers: [Timer; TIMERS],
    /// While it runs, the counter is the host's tick plus this, wrapping; while it stands, the counter.
    pub(super) offset: u64,
    /// The counter up to which everything has happened.
    pub(super) checked: u64,
    /// The host's tick before which nobody is woken again.
    pub(super) rest_until: u64,
    /// The pins that levels are asserted on, as they were last reported.
    pub(super) asserted: [Option<u8>; TIMERS],
}

impl Hpet {
    /// A block that stands still.
    pub fn new(wiring: Wiring) -> Self {
        Self {
            wiring,
            configuration: 0,
            status: 0,
            timers: Default::default(),
            offset: 0,
            checked: 0,
            rest_until: 0,
            asserted: [None; TIMERS],
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.configuration & ENABLE != 0
    }

    pub(super) fn is_legacy(&self) -> bool {
        self.configuration & LEGACY != 0
    }

    /// The main counter.
    pub(super) fn counter(&self, now: Nanos) -> u64 {
        if self.is_running() { host_tick(now).wrapping_add(self.offset) } else { self.offset }
    }

    /// Lets time pass: matches and what they cause.
    pub(super) fn catch_up(&mut self, now: Nanos, effects: &mut Effects) {
        if !self.is_running() {
            return;
        }
        let counter = self.counter(now);
        let elapsed = counter.wrapping_sub(self.checked);
        for index in 0..TIMERS {
            let Some(timer) = self.timers.get_mut(index) else { continue };
            if timer.pass(self.checked, elapsed) {
                self.rest_until = host_tick(now).saturating_add(WAKE_UP_TICKS_MIN);
                self.matched(index, effects);
            }
        }
        self.checked = counter;
        self.report(effects);
    }

    /// When a timer interrupts next.
    pub(super) fn next_interrupt(&self) -> Nanos {
        if !self.is_running() {
            return Nanos::MAX;
        }
        let checked_tick = u128::from(self.checked.wrapping_sub(self.offset));
        let wanted = self.timers.iter().filter(|timer| timer.interrupts());
        let ticks = wanted.map(|timer| timer.distance(self.checked).saturating_add(checked_tick)).min();
        let Some(tick) = ticks else { return Nanos::MAX };
        let nanos = tick.max(u128::from(self.rest_until)).saturating_mul(u128::from(PERIOD_NANOS));
        Nanos::new(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Reads a register of eight bytes.
    pub(super) fn read_register(&self, register: u64, now: Nanos) -> u64 {
        match register {
            CAPABILITIES => CAPABILITIES_VALUE,
            CONFIGURATION => self.configuration,
            STATUS => self.status,
            COUNTER => self.counter(now),
            _ => match timer_place(register) {
                Some((index, register)) => self.timers.get(index).map_or(0, |timer| timer.read(register)),
                None => 0,
            },
        }
    }

    /// Writes the bits of `mask` of a register of eight bytes.
    pub(super) fn write_register(&mut self, register: u64, value: u64, mask: u64, now: Nanos) {
        match register {
            CONFIGURATION => {
                let counter = self.counter(now);
                self.configuration = (self.configuration & !mask | value & mask) & CONFIGURATION_WRITABLE;
                self.set_counter(counter, now);
            }
            STATUS => self.status &= !(value & mask),
            COUNTER if !self.is_running() => {
                let counter = self.counter(now) & !mask | value & mask;
                self.set_counter(counter, now);
            }
            _ => {
                let place = timer_place(register);
                let timer = place.and_then(|(index, register)| Some((self.timers.get_mut(index)?, register)));
                if let Some((timer, register)) = timer {
                    timer.write(register, value, mask);
                }
            }
        }
    }

    /// Drives levels and announces the deadline after anything may have changed.
    pub(super) fn report(&mut self, effects: &mut Effects) {
        for (index, source) in (0..TIMERS).zip(self.wiring.first_source..) {
            let wants = self.level_pin(index);
            let Some(asserted) = self.asserted.get_mut(index) else { continue };
            if *asserted == wants {
                continue;
            }
            if let Some(pin) = *asserted {
                effects.set_line(Line { pin, source }, Level::Low);
            }
            if let Some(pin) = wants {
                effects.set_line(Line { pin, source }, Level::High);
            }
            *asserted = wants;
        }
        if self.is_running() && self.timers.iter().any(Timer::interrupts) {
            effects.note(Attention::DEADLINE);
        }
    }

    /// Cuts the replaced devices off, or connects them again.
    pub(super) fn report_legacy(&self, effects: &mut Effects) {
        effects.mute_line(self.wiring.timer, self.is_legacy());
        effects.mute_line(self.wiring.clock, self.is_legacy());
    }

    /// A timer's comparator matched.
    fn matched(&mut self, index: usize, effects: &mut Effects) {
        let Some(timer) = self.timers.get(index) else { return };
        match timer.delivery() {
            Delivery::Level => self.status |= 1 << index,
            Delivery::Message if timer.interrupts() => effects.send(timer.message()),
            Delivery::Edge if timer.interrupts() => {
                if let Some(line) = self.line(index) {
                    effects.set_line(line, Level::High);
                    effects.set_line(line, Level::Low);
                }
            }
            Delivery::Message | Delivery::Edge => {}
        }
    }

    /// The pin that a timer's level is asserted on now.
    fn level_pin(&self, index: usize) -> Option<u8> {
        let timer = self.timers.get(index)?;
        let is_waiting = self.status & 1 << index != 0 && timer.delivery() == Delivery::Level;
        let is_asserted = is_waiting && timer.interrupts() && self.is_running();
        self.line(index).filter(|_| is_asserted).map(|line| line.pin)
    }

    /// The line of a timer, if it is wired to a pin.
    fn line(&self, index: usize) -> Option<Line> {
        let pin = match index {
            0 if self.is_legacy() => self.wiring.timer.pin,
            1 if self.is_legacy() => self.wiring.clock.pin,
            _ => self.timers.get(index)?.pin()?,
        };
        let source = self.wiring.first_source.checked_add(u8::try_from(index).ok()?)?;
        Some(Line { pin, source })
    }

    fn set_counter(&mut self, counter: u64, now: Nanos) {
        self.offset = if self.is_running() { counter.wrapping_sub(host_tick(now)) } else { counter };
        self.checked = counter;
    }
}

/// Ticks since the host's clock began.
fn host_tick(now: Nanos) -> u64 {
    now.raw() / PERIOD_NANOS
}

/// The timer that a register belongs to, and where in it.
fn timer_place(register: u64) -> Option<(usize, u64)> {
    let offset = register.checked_sub(FIRST_TIMER)?;
    let index = usize::try_from(offset / TIMER_STRIDE).ok()?;
    (index < TIMERS).then_some((index, offset % TIMER_STRIDE))
}
