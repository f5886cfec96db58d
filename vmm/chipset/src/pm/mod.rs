//! ACPI power management hardware (ACPI 6.5, 4.8), and the reset register at port 0xCF9.
//!
//! - PM1a event block: power button and timer status with their enables, and the SCI line.
//! - PM1a control block: sleep type and enable; S5 turns the machine off.
//! - PM timer: 24 bits at 3.579545 MHz.
//! - Reset control register: ICH9 data sheet, 13.7.5.
//!
//! Alone it is in ACPI mode from the start, and there is no SMI command port: the fixed ACPI description table
//! says so with 0. On a PC it is part of [`crate::Lpc`], which has one.

mod bus;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use registers::{
    CONTROL_BYTES, CONTROL_REGION, EVENT_BYTES, EVENT_REGION, RESET_PORT, RESET_REGION, RESET_VALUE,
    SLEEP_TYPE_OFF, TIMER_BYTES, TIMER_REGION,
};
pub use state::{Ownership, PowerManagement};
