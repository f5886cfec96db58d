//! One timer. Times are ticks of the main counter.

use super::registers::{
    BY_LEVEL, BY_MESSAGE, INTERRUPTS, NARROW, PERIODIC, ROUTABLE_PINS, ROUTE_MASK, ROUTE_SHIFT, SET_VALUE,
    TIMER_CAPABILITIES, TIMER_COMPARATOR, TIMER_CONFIGURATION, TIMER_MESSAGE, TIMER_WRITABLE,
};
use serde::{Deserialize, Serialize};
use vmm_bus::Msi;

/// How a timer interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delivery {
    Message,
    Edge,
    Level,
}

/// One comparator with its settings.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Timer {
    configuration: u64,
    comparator: u64,
    period: u64,
    message: u64,
}

impl Timer {
    /// How many ticks after `counter` it matches next: 2^64 at the most.
    pub(super) fn distance(&self, counter: u64) -> u128 {
        let distance = self.comparator.wrapping_sub(counter) & self.mask();
        if distance == 0 { u128::from(self.mask()).saturating_add(1) } else { u128::from(distance) }
    }

    /// Lets `elapsed` ticks pass after `counter`. Whether it matched.
    pub(super) fn pass(&mut self, counter: u64, elapsed: u64) -> bool {
        let Some(late) = u128::from(elapsed).checked_sub(self.distance(counter)) else { return false };
        let period = u128::from(self.period & self.mask());
        if self.is(PERIODIC) && period != 0 {
            let periods = (late / period).saturating_add(1);
            let steps = periods.wrapping_mul(period) as u64;
            self.comparator = self.comparator.wrapping_add(steps) & self.mask();
        }
        true
    }

    pub(super) fn interrupts(&self) -> bool {
        self.is(INTERRUPTS)
    }

    pub(super) fn delivery(&self) -> Delivery {
        match (self.is(BY_MESSAGE), self.is(BY_LEVEL)) {
            (true, _) => Delivery::Message,
            (false, true) => Delivery::Level,
            (false, false) => Delivery::Edge,
        }
    }

    /// The pin that it is routed to, if there is such a way.
    pub(super) fn pin(&self) -> Option<u8> {
        let pin = (self.configuration >> ROUTE_SHIFT & ROUTE_MASK) as u8;
        (ROUTABLE_PINS & 1 << pin != 0).then_some(pin)
    }

    pub(super) fn message(&self) -> Msi {
        Msi { address: self.message >> 32, data: self.message as u32 }
    }

    pub(super) fn read(&self, register: u64) -> u64 {
        match register {
            TIMER_CONFIGURATION => self.configuration | TIMER_CAPABILITIES,
            TIMER_COMPARATOR => self.comparator,
            TIMER_MESSAGE => self.message,
            _ => 0,
        }
    }

    /// Writes the bits of `mask` of a register.
    pub(super) fn write(&mut self, register: u64, value: u64, mask: u64) {
        let merged = |before: u64| before & !mask | value & mask;
        match register {
            TIMER_CONFIGURATION => {
                self.configuration = merged(self.configuration) & TIMER_WRITABLE;
                if self.is(NARROW) {
                    self.comparator &= self.mask();
                    self.period &= self.mask();
                }
            }
            TIMER_COMPARATOR => {
                if !self.is(PERIODIC) || self.is(SET_VALUE) {
                    self.comparator = merged(self.comparator) & self.mask();
                }
                if self.is(PERIODIC) {
                    self.period = merged(self.period) & self.mask();
                }
                self.configuration &= !SET_VALUE;
            }
            TIMER_MESSAGE => self.message = merged(self.message),
            _ => {}
        }
    }

    /// What cannot be in a saved state is made possible.
    pub(super) fn sanitize(&mut self) {
        self.configuration &= TIMER_WRITABLE;
        self.comparator &= self.mask();
        self.period &= self.mask();
    }

    fn is(&self, bit: u64) -> bool {
        self.configuration & bit != 0
    }

    /// The bits of the counter that it looks at.
    fn mask(&self) -> u64 {
        if self.is(NARROW) { u64::from(u32::MAX) } else { u64::MAX }
    }
}
