//! The six modes as functions of the ticks since a counter was started (8254 data sheet, "mode definitions").

use serde::{Deserialize, Serialize};

/// Counting mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Mode {
    /// Interrupt on terminal count.
    Terminal,
    /// One-shot, started by the gate.
    OneShot,
    /// Rate generator.
    Rate,
    /// Square wave.
    Square,
    /// Strobe, started by software.
    SoftwareStrobe,
    /// Strobe, started by the gate.
    GateStrobe,
}

impl Mode {
    /// The mode of three bits of a control word; the uppermost is ignored in two modes.
    pub(super) fn from_bits(bits: u8) -> Self {
        match bits & 7 {
            0 => Mode::Terminal,
            1 => Mode::OneShot,
            2 | 6 => Mode::Rate,
            3 | 7 => Mode::Square,
            4 => Mode::SoftwareStrobe,
            _ => Mode::GateStrobe,
        }
    }

    /// The bits that the status shows.
    pub(super) fn bits(self) -> u8 {
        self as u8
    }

    /// Whether it begins anew by itself.
    pub(super) fn is_periodic(self) -> bool {
        matches!(self, Mode::Rate | Mode::Square)
    }

    /// Whether the gate's rising edge starts it.
    pub(super) fn starts_by_gate(self) -> bool {
        matches!(self, Mode::OneShot | Mode::GateStrobe)
    }

    /// The output before anything was counted.
    pub(super) fn idle_output(self) -> bool {
        self != Mode::Terminal
    }

    /// The output after `elapsed` ticks of counting from `period`.
    pub(super) fn output(self, elapsed: u64, period: u64) -> bool {
        let period = period.max(1);
        let place = elapsed % period;
        match self {
            Mode::Terminal | Mode::OneShot => elapsed >= period,
            Mode::Rate => place.saturating_add(1) != period,
            Mode::Square => place < period.div_ceil(2),
            Mode::SoftwareStrobe | Mode::GateStrobe => elapsed != period,
        }
    }

    /// How many ticks after the start the output rises next, later than `elapsed`.
    pub(super) fn next_rise(self, elapsed: u64, period: u64) -> Option<u64> {
        let period = period.max(1);
        let once = match self {
            Mode::Terminal | Mode::OneShot => period,
            Mode::Rate | Mode::Square => {
                return (elapsed / period).checked_add(1)?.checked_mul(period);
            }
            Mode::SoftwareStrobe | Mode::GateStrobe => period.saturating_add(1),
        };
        (elapsed < once).then_some(once)
    }

    /// What the counting element holds after `elapsed` ticks, if it wraps at `modulus`.
    pub(super) fn value(self, elapsed: u64, period: u64, modulus: u64) -> u64 {
        let period = period.max(1);
        let place = elapsed % period;
        match self {
            Mode::Rate => period.wrapping_sub(place),
            Mode::Square => {
                // An odd count is loaded less one; the half with the output high is a tick longer.
                let high = period.div_ceil(2);
                let of_half = if place < high { place } else { place.wrapping_sub(high) };
                (period & !1).saturating_sub(of_half.saturating_mul(2))
            }
            _ => period.wrapping_add(modulus).wrapping_sub(elapsed % modulus) % modulus,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODES: [Mode; 6] =
        [Mode::Terminal, Mode::OneShot, Mode::Rate, Mode::Square, Mode::SoftwareStrobe, Mode::GateStrobe];

    proptest! {
        #[test]
        fn the_next_rise_is_the_first_tick_at_which_the_output_went_up(mode in 0usize..6, period in 2u64..40, elapsed in 0u64..200) {
            let mode = MODES[mode];
            let rises = |tick: u64| mode.output(tick, period) && !mode.output(tick - 1, period);
            let expected = (elapsed + 1..elapsed + 100).find(|tick| rises(*tick));
            prop_assert_eq!(mode.next_rise(elapsed, period), expected);
        }

        #[test]
        fn a_count_falls_by_one_each_tick_or_by_two_in_a_square_wave(mode in 0usize..6, period in 2u64..40, elapsed in 0u64..200) {
            let mode = MODES[mode];
            let step = if mode == Mode::Square { 2 } else { 1 };
            let (now, next) = (mode.value(elapsed, period, 0x10000), mode.value(elapsed + 1, period, 0x10000));
            let begins_anew = mode.is_periodic() && next == period & !(step - 1);
            prop_assert!(begins_anew || next == now.wrapping_sub(step) & 0xFFFF, "{} then {}", now, next);
        }
    }
}
