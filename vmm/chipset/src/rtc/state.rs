//! The clock as a value.

use super::{
    calendar::DateTime,
    registers::{
        AFTERNOON, BYTES, CENTURY, DAY, DIVIDER_NORMAL, EXTENDED_BYTES, Flags, HOURS, HOURS_ALARM, MINUTES,
        MINUTES_ALARM, MONTH, Mode, REGISTER_A, REGISTER_B, REGISTER_C, REGISTER_D, SECONDS, SECONDS_ALARM,
        UPDATE_IN_PROGRESS, VALID, WEEKDAY, YEAR,
    },
};
use base_units::Nanos;
use vmm_bus::Line;

/// Nanoseconds of one second.
pub(super) const SECOND: u64 = 1_000_000_000;
/// How long before the second the chip warns of the update (MC146818A, "update cycle": 244 us).
const UPDATE_WARNING: u64 = 244_000;

/// Seconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UnixSeconds(pub u64);

/// The clock and its CMOS memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rtc {
    pub(super) line: Line,
    /// The guest's clock in nanoseconds since 1970 is the host's plus this, wrapping.
    pub(super) offset: u64,
    pub(super) index: u8,
    pub(super) register_a: u8,
    pub(super) mode: Mode,
    pub(super) flags: Flags,
    /// CMOS bytes; the places of clock registers hold the alarm and are otherwise unused.
    pub(super) memory: [u8; BYTES],
    /// The memory behind the second pair of ports, and its index.
    pub(super) extended: [u8; EXTENDED_BYTES],
    pub(super) extended_index: u8,
    /// The time while software sets it (mode SET), as it was last written.
    pub(super) stopped: Option<DateTime>,
    /// The guest's clock up to which flags were computed.
    pub(super) checked: u64,
    /// Level of the line as it was last reported.
    pub(super) asserted: bool,
}

impl Rtc {
    /// A clock that says `time` at `now`. One that shows local time is given that.
    ///
    /// Nobody is woken for it but for an interrupt that software enabled, on a line that somebody listens to.
    pub fn new(line: Line, time: UnixSeconds, now: Nanos) -> Self {
        let clock = time.0.saturating_mul(SECOND);
        Self {
            line,
            offset: clock.wrapping_sub(now.raw()),
            index: 0,
            // A rate of 1024 Hz: what firmware leaves behind.
            register_a: DIVIDER_NORMAL | 0b0110,
            mode: Mode::HOURS_24,
            flags: Flags::empty(),
            memory: [0; BYTES],
            extended: [0; EXTENDED_BYTES],
            extended_index: 0,
            stopped: None,
            checked: clock,
            asserted: false,
        }
    }

    /// The same clock with these bytes in its CMOS memory: places and values.
    #[must_use]
    pub fn with_memory(mut self, content: &[(u8, u8)]) -> Self {
        content.iter().for_each(|(place, value)| self.set_memory(*place, *value));
        self
    }

    /// Sets a byte of CMOS memory before the machine starts: firmware looks for memory sizes there.
    pub fn set_memory(&mut self, place: u8, value: u8) {
        if let Some(byte) = self.memory.get_mut(usize::from(place)) {
            *byte = value;
        }
    }

    /// The guest's clock: nanoseconds since 1970.
    pub(super) fn clock(&self, now: Nanos) -> u64 {
        now.raw().wrapping_add(self.offset)
    }

    pub(super) fn read_register(&mut self, register: u8, now: Nanos) -> u8 {
        match register {
            REGISTER_A => self.register_a | self.update_bit(now),
            REGISTER_B => self.mode.bits(),
            REGISTER_C => self.take_flags(),
            REGISTER_D => VALID,
            _ => match self.time_field(register, now) {
                Some(value) => value,
                None => self.memory.get(usize::from(register)).copied().unwrap_or(0xFF),
            },
        }
    }

    pub(super) fn write_register(&mut self, register: u8, value: u8, now: Nanos) {
        match register {
            REGISTER_A => self.register_a = value & !UPDATE_IN_PROGRESS,
            REGISTER_B => self.set_mode(Mode::from_bits_truncate(value), now),
            REGISTER_C | REGISTER_D => {}
            SECONDS | MINUTES | HOURS | WEEKDAY | DAY | MONTH | YEAR | CENTURY => {
                self.set_time_field(register, value, now);
            }
            _ => self.set_memory(register, value),
        }
    }

    /// The date and time that the registers show.
    fn shown(&self, now: Nanos) -> DateTime {
        self.stopped.unwrap_or_else(|| DateTime::from_unix(self.clock(now) / SECOND))
    }

    fn update_bit(&self, now: Nanos) -> u8 {
        let until_second = SECOND.saturating_sub(self.clock(now) % SECOND);
        let is_near = self.stopped.is_none() && until_second <= UPDATE_WARNING;
        if is_near { UPDATE_IN_PROGRESS } else { 0 }
    }

    fn time_field(&self, register: u8, now: Nanos) -> Option<u8> {
        let time = self.shown(now);
        Some(match register {
            SECONDS => self.encode(time.second),
            MINUTES => self.encode(time.minute),
            HOURS => self.encode_hour(time.hour),
            WEEKDAY => self.encode(time.weekday),
            DAY => self.encode(time.day),
            MONTH => self.encode(time.month),
            YEAR => self.encode(time.year % 100),
            CENTURY => self.encode(time.year / 100),
            _ => return None,
        })
    }

    fn set_time_field(&mut self, register: u8, value: u8, now: Nanos) {
        let mut time = self.shown(now);
        let number = self.decode(value);
        match register {
            SECONDS => time.second = number,
            MINUTES => time.minute = number,
            HOURS => time.hour = self.decode_hour(value),
            DAY => time.day = number,
            MONTH => time.month = number,
            YEAR => time.year = (time.year / 100).saturating_mul(100).saturating_add(number),
            CENTURY => time.year = number.saturating_mul(100).saturating_add(time.year % 100),
            // The weekday follows from the date.
            _ => return,
        }
        if self.stopped.is_some() {
            self.stopped = Some(time);
        } else {
            self.set_clock(time, now);
        }
    }

    fn set_mode(&mut self, mode: Mode, now: Nanos) {
        let was_stopped = self.mode.contains(Mode::SET);
        if mode.contains(Mode::SET) && !was_stopped {
            self.stopped = Some(self.shown(now));
        }
        if let (false, Some(time)) = (mode.contains(Mode::SET), self.stopped) {
            self.stopped = None;
            self.set_clock(time, now);
        }
        // Stopping the updates also turns the update interrupt off (MC146818A, register B).
        self.mode = if mode.contains(Mode::SET) { mode - Mode::UPDATE } else { mode };
    }

    fn set_clock(&mut self, time: DateTime, now: Nanos) {
        let clock = time.to_unix().saturating_mul(SECOND);
        self.offset = clock.wrapping_sub(now.raw());
        self.checked = clock;
    }

    /// The alarm registers as numbers; `None` matches everything.
    pub(super) fn alarm(&self) -> [Option<u64>; 3] {
        let raw = |place: u8| self.memory.get(usize::from(place)).copied().unwrap_or(0);
        let number =
            |value: u8, decoded: u64| if value >= super::registers::ALARM_ANY { None } else { Some(decoded) };
        let hour = raw(HOURS_ALARM);
        let minute = raw(MINUTES_ALARM);
        let second = raw(SECONDS_ALARM);
        [
            number(hour, self.decode_hour(hour)),
            number(minute, self.decode(minute)),
            number(second, self.decode(second)),
        ]
    }

    fn encode(&self, number: u64) -> u8 {
        let number = (number % 100) as u8;
        if self.mode.contains(Mode::BINARY) { number } else { number / 10 * 16 + number % 10 }
    }

    fn decode(&self, value: u8) -> u64 {
        if self.mode.contains(Mode::BINARY) {
            u64::from(value)
        } else {
            u64::from(value >> 4) * 10 + u64::from(value & 0x0F)
        }
    }

    fn encode_hour(&self, hour: u64) -> u8 {
        if self.mode.contains(Mode::HOURS_24) {
            return self.encode(hour);
        }
        let afternoon = if hour >= 12 { AFTERNOON } else { 0 };
        let of_half = if hour.is_multiple_of(12) { 12 } else { hour % 12 };
        self.encode(of_half) | afternoon
    }

    fn decode_hour(&self, value: u8) -> u64 {
        if self.mode.contains(Mode::HOURS_24) {
            return self.decode(value);
        }
        let of_half = self.decode(value & !AFTERNOON) % 12;
        if value & AFTERNOON != 0 { of_half.saturating_add(12) } else { of_half }
    }
}
