//! Power management as a value.

use super::registers::{
    Control, Event, RESET_CPU, RESET_KEPT, SLEEP_TYPE_OFF, SLEEP_TYPE_OFF_ICH9, SLEEP_TYPE_OFF_OVMF,
};
use base_units::Nanos;
use vmm_bus::{Attention, Effects, Level, Line, PowerRequest};

/// Ticks of the timer in one second (ACPI 6.5, 4.8.2.1).
const TIMER_HZ: u128 = 3_579_545;
const NANOS_PER_SECOND: u128 = 1_000_000_000;
/// Bits of the timer.
const TIMER_MASK: u64 = 0x00FF_FFFF;
/// Ticks between two changes of the timer's top bit.
const TIMER_HALF: u64 = 0x0080_0000;

/// Who owns the hardware: ACPI or firmware.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ownership {
    /// ACPI, always. Only the sleep type of our own tables turns off.
    Acpi,
    /// Firmware until software switches ([`PowerManagement::set_acpi`]). Stock firmware turns off in its own ways.
    Switched,
}

/// The power management block of a PC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PowerManagement {
    /// The system control interrupt: level-triggered.
    pub(super) line: Line,
    pub(super) ownership: Ownership,
    pub(super) status: Event,
    pub(super) enable: Event,
    pub(super) control: Control,
    pub(super) reset_control: u8,
    /// Half turns of the timer that were turned into its status bit.
    pub(super) half_turns: u64,
    /// Level of the line as it was last reported.
    pub(super) asserted: bool,
}

impl PowerManagement {
    /// A machine that has just been turned on and belongs to ACPI.
    pub fn new(line: Line) -> Self {
        Self::owned(line, Ownership::Acpi)
    }

    /// A machine that has just been turned on.
    pub fn owned(line: Line, ownership: Ownership) -> Self {
        Self {
            line,
            ownership,
            status: Event::empty(),
            enable: Event::empty(),
            control: if ownership == Ownership::Acpi { Control::SCI_ENABLE } else { Control::empty() },
            reset_control: 0,
            half_turns: 0,
            asserted: false,
        }
    }

    /// Somebody presses the power button. The guest decides what that means.
    pub fn press_power_button(&mut self, effects: &mut Effects) {
        self.status |= Event::POWER_BUTTON;
        self.report(effects);
    }

    /// Firmware hands the hardware to ACPI, or takes it back.
    pub fn set_acpi(&mut self, is_acpi: bool, effects: &mut Effects) {
        self.control.set(Control::SCI_ENABLE, is_acpi);
        self.keep_owner();
        self.report(effects);
    }

    /// What ACPI always owns it keeps.
    pub(super) fn keep_owner(&mut self) {
        if self.ownership == Ownership::Acpi {
            self.control |= Control::SCI_ENABLE;
        }
    }

    /// The timer's 24 bits.
    pub(super) fn timer(now: Nanos) -> u32 {
        (ticks(now) & TIMER_MASK) as u32
    }

    /// Sets the timer's status bit if its top bit changed since it was looked at last.
    pub(super) fn catch_up(&mut self, now: Nanos) {
        let half_turns = ticks(now) / TIMER_HALF;
        if half_turns != self.half_turns {
            self.half_turns = half_turns;
            self.status |= Event::TIMER;
        }
    }

    /// When the timer's status bit will next raise the line.
    pub(super) fn timer_deadline(&self) -> Nanos {
        if !self.enable.contains(Event::TIMER) || self.status.contains(Event::TIMER) {
            return Nanos::MAX;
        }
        let ticks = u128::from(self.half_turns.saturating_add(1)).saturating_mul(u128::from(TIMER_HALF));
        let nanos = ticks.saturating_mul(NANOS_PER_SECOND).div_ceil(TIMER_HZ);
        Nanos::new(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Software acknowledges events by writing ones.
    pub(super) fn acknowledge(&mut self, bits: u16) {
        self.status &= !Event::from_bits_truncate(bits);
    }

    pub(super) fn write_control(&mut self, value: u16, effects: &mut Effects) {
        let written = Control::from_bits_truncate(value);
        self.control = written - Control::SLEEP_ENABLE;
        self.keep_owner();
        let is_off = match self.ownership {
            Ownership::Acpi => written.sleep_type() == SLEEP_TYPE_OFF,
            Ownership::Switched => {
                matches!(written.sleep_type(), SLEEP_TYPE_OFF | SLEEP_TYPE_OFF_OVMF | SLEEP_TYPE_OFF_ICH9)
            }
        };
        if is_off && written.contains(Control::SLEEP_ENABLE) {
            effects.request_power(PowerRequest::Off);
        }
    }

    pub(super) fn write_reset(&mut self, value: u8, effects: &mut Effects) {
        self.reset_control = value & RESET_KEPT;
        if value & RESET_CPU != 0 {
            effects.request_power(PowerRequest::Reset);
        }
    }

    /// Drives the line and announces the deadline after anything may have changed.
    pub(super) fn report(&mut self, effects: &mut Effects) {
        // Without ACPI events go to firmware, by an SMI that we do not have.
        let wants = self.status.intersects(self.enable) && self.control.contains(Control::SCI_ENABLE);
        if wants != self.asserted {
            self.asserted = wants;
            effects.set_line(self.line, Level::from_asserted(wants));
        }
        if self.enable.contains(Event::TIMER) {
            effects.note(Attention::DEADLINE);
        }
    }
}

/// Ticks of the timer since the host's clock began.
fn ticks(now: Nanos) -> u64 {
    let ticks = u128::from(now.raw()).saturating_mul(TIMER_HZ) / NANOS_PER_SECOND;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}
