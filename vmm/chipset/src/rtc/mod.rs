//! The clock and CMOS memory of a PC (Motorola MC146818A data sheet).
//!
//! Nothing ticks: the time is computed from the host's clock when somebody looks, and a deadline is
//! armed only for interrupts that the guest enabled.

mod bus;
mod calendar;
mod interrupts;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use registers::{CENTURY, CLOCK_REGION, EXTENDED_PORT, EXTENDED_REGION, PORTS};
pub use state::{Rtc, UnixSeconds};
