//! Register layout (IA-PC HPET 1.0a, 2.3).

use base_units::Gpa;

/// Where a PC has it.
pub const ADDRESS: Gpa = Gpa::new(0xFED0_0000);
/// Bytes of its registers.
pub const ADDRESS_BYTES: u64 = 0x400;
/// Period of the main counter.
pub const PERIOD_FEMTOSECONDS: u64 = 10_000_000;
/// The same in the clock's unit.
pub(super) const PERIOD_NANOS: u64 = 10;

/// Timers.
pub(super) const TIMERS: usize = 3;

/// Revision, number of timers, a counter of 64 bits, legacy replacement, vendor, period.
pub(super) const CAPABILITIES_VALUE: u64 =
    PERIOD_FEMTOSECONDS << 32 | 0x8086 << 16 | 1 << 15 | 1 << 13 | (TIMERS as u64 - 1) << 8 | 1;

pub(super) const CAPABILITIES: u64 = 0x000;
pub(super) const CONFIGURATION: u64 = 0x010;
pub(super) const STATUS: u64 = 0x020;
pub(super) const COUNTER: u64 = 0x0F0;
/// First register of the first timer.
pub(super) const FIRST_TIMER: u64 = 0x100;
/// Bytes from one timer to the next.
pub(super) const TIMER_STRIDE: u64 = 0x20;
/// Offsets of a timer's registers.
pub(super) const TIMER_CONFIGURATION: u64 = 0x00;
pub(super) const TIMER_COMPARATOR: u64 = 0x08;
pub(super) const TIMER_MESSAGE: u64 = 0x10;

/// Configuration: the counter runs and timers interrupt.
pub(super) const ENABLE: u64 = 1 << 0;
/// Configuration: legacy replacement.
pub(super) const LEGACY: u64 = 1 << 1;
/// Configuration: bits that software writes.
pub(super) const CONFIGURATION_WRITABLE: u64 = ENABLE | LEGACY;

/// Timer: it interrupts by level.
pub(super) const BY_LEVEL: u64 = 1 << 1;
/// Timer: it interrupts.
pub(super) const INTERRUPTS: u64 = 1 << 2;
/// Timer: it is periodic.
pub(super) const PERIODIC: u64 = 1 << 3;
/// Timer: software sets the comparator of a periodic timer.
pub(super) const SET_VALUE: u64 = 1 << 6;
/// Timer: it looks at 32 bits only.
pub(super) const NARROW: u64 = 1 << 8;
/// Timer: the pin, in five bits from here on.
pub(super) const ROUTE_SHIFT: u32 = 9;
pub(super) const ROUTE_MASK: u64 = 0x1F;
/// Timer: it interrupts by message.
pub(super) const BY_MESSAGE: u64 = 1 << 14;
/// Timer: bits that software writes.
pub(super) const TIMER_WRITABLE: u64 =
    BY_LEVEL | INTERRUPTS | PERIODIC | SET_VALUE | NARROW | ROUTE_MASK << ROUTE_SHIFT | BY_MESSAGE;
/// Timer: what each can do: be periodic, 64 bits, messages, and pins 16 to 23.
pub(super) const TIMER_CAPABILITIES: u64 = 1 << 4 | 1 << 5 | 1 << 15 | (ROUTABLE_PINS as u64) << 32;
/// The pins that a timer may be routed to.
pub(super) const ROUTABLE_PINS: u32 = 0x00FF_0000;
