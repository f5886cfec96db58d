//! Register layout (MC146818A, figure 11 and "registers").

use bitflags::bitflags;
use vmm_bus::Region;

/// Region of index and data.
pub const CLOCK_REGION: Region = Region(0);
/// I/O ports: index and data.
pub const PORTS: u16 = 2;
/// Region of index and data of the extended memory.
pub const EXTENDED_REGION: Region = Region(1);
/// First of their [`PORTS`] ports.
pub const EXTENDED_PORT: u16 = 0x72;
/// Bytes of extended memory (ICH9 data sheet, 13.6).
pub(super) const EXTENDED_BYTES: usize = 128;
/// Bytes of CMOS memory, registers included.
pub(super) const BYTES: usize = 128;

pub(super) const SECONDS: u8 = 0x00;
pub(super) const SECONDS_ALARM: u8 = 0x01;
pub(super) const MINUTES: u8 = 0x02;
pub(super) const MINUTES_ALARM: u8 = 0x03;
pub(super) const HOURS: u8 = 0x04;
pub(super) const HOURS_ALARM: u8 = 0x05;
pub(super) const WEEKDAY: u8 = 0x06;
pub(super) const DAY: u8 = 0x07;
pub(super) const MONTH: u8 = 0x08;
pub(super) const YEAR: u8 = 0x09;
pub(super) const REGISTER_A: u8 = 0x0A;
pub(super) const REGISTER_B: u8 = 0x0B;
pub(super) const REGISTER_C: u8 = 0x0C;
pub(super) const REGISTER_D: u8 = 0x0D;
/// The century: where IBM's AT kept it and the ACPI tables say it is.
pub const CENTURY: u8 = 0x32;

/// Register A: an update is in progress or about to begin.
pub(super) const UPDATE_IN_PROGRESS: u8 = 1 << 7;
/// Register A: divider; this value runs the clock.
pub(super) const DIVIDER_NORMAL: u8 = 0b010 << 4;
/// Register A: rate of the periodic interrupt.
pub(super) const RATE: u8 = 0x0F;
/// Register D: the battery is good.
pub(super) const VALID: u8 = 1 << 7;
/// An alarm register with these bits matches everything.
pub(super) const ALARM_ANY: u8 = 0xC0;
/// Hours register bit: afternoon, in 12-hour mode.
pub(super) const AFTERNOON: u8 = 1 << 7;

bitflags! {
    /// Register B.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct Mode: u8 {
        /// Daylight saving (ignored, as by every PC).
        const DAYLIGHT = 1 << 0;
        /// 24-hour mode.
        const HOURS_24 = 1 << 1;
        /// Binary instead of BCD.
        const BINARY = 1 << 2;
        /// Square wave (not connected).
        const SQUARE_WAVE = 1 << 3;
        /// Update-ended interrupt.
        const UPDATE = 1 << 4;
        /// Alarm interrupt.
        const ALARM = 1 << 5;
        /// Periodic interrupt.
        const PERIODIC = 1 << 6;
        /// Updates are stopped while software sets the time.
        const SET = 1 << 7;
    }

    /// Register C: the flags stand where register B has their enables.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct Flags: u8 {
        /// A second has passed.
        const UPDATE = 1 << 4;
        /// The alarm matched.
        const ALARM = 1 << 5;
        /// A period has passed.
        const PERIODIC = 1 << 6;
        /// Any enabled flag is set: the line is asserted.
        const INTERRUPT = 1 << 7;
    }
}
