//! Register layout (ACPI 6.5, 4.8.3).

use bitflags::bitflags;
use vmm_bus::Region;

/// Region of the PM1a event block.
pub const EVENT_REGION: Region = Region(0);
/// Region of the PM1a control block.
pub const CONTROL_REGION: Region = Region(1);
/// Region of the PM timer.
pub const TIMER_REGION: Region = Region(2);
/// Region of the reset control register.
pub const RESET_REGION: Region = Region(3);

/// I/O ports of the event block: status and enable.
pub const EVENT_BYTES: u16 = 4;
/// I/O ports of the control block.
pub const CONTROL_BYTES: u16 = 2;
/// I/O ports of the timer.
pub const TIMER_BYTES: u16 = 4;
/// I/O port of the reset control register.
pub const RESET_PORT: u16 = 0xCF9;
/// What ACPI tables say software writes there: full reset.
pub const RESET_VALUE: u8 = 0x06;
/// Reset control bit: a write with it resets.
pub(super) const RESET_CPU: u8 = 1 << 2;
/// Bits of the reset control register that remember what was written.
pub(super) const RESET_KEPT: u8 = 0b1010;

/// The value of SLP_TYP that means S5: what `\_S5` says in the DSDT.
pub const SLEEP_TYPE_OFF: u16 = 5;

/// The value with which OVMF turns off.
pub(super) const SLEEP_TYPE_OFF_OVMF: u16 = 0;
/// The value that the chipset itself has for it (ICH9 data sheet, 13.8.3.3).
pub(super) const SLEEP_TYPE_OFF_ICH9: u16 = 7;

/// Offset of the enable register in the event block.
pub(super) const ENABLE_OFFSET: u64 = 2;

bitflags! {
    /// PM1 status and, with the same bits, enable.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct Event: u16 {
        /// The timer's top bit changed.
        const TIMER = 1 << 0;
        /// Global lock released.
        const GLOBAL = 1 << 5;
        /// Power button pressed.
        const POWER_BUTTON = 1 << 8;
        /// Sleep button pressed (there is none).
        const SLEEP_BUTTON = 1 << 9;
        /// The clock's alarm woke the machine (it never sleeps).
        const RTC = 1 << 10;
    }

    /// PM1 control.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct Control: u16 {
        /// ACPI owns the hardware.
        const SCI_ENABLE = 1 << 0;
        /// Bus masters end C3.
        const BUS_MASTER_RELOAD = 1 << 1;
        /// Lowest bit of the sleep type.
        const SLEEP_TYPE = 0b111 << 10;
        /// Go to sleep; reads as zero.
        const SLEEP_ENABLE = 1 << 13;
    }
}

impl Control {
    pub(super) fn sleep_type(self) -> u16 {
        (self.bits() >> 10) & 7
    }
}
