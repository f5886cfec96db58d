//! The ICH9's LPC bridge, PCI function 00:1f.0: what a PC's firmware expects around the ISA bus (Intel I/O Controller
//! Hub 9 data sheet, chapter 13).
//!
//! - Power management ([`crate::PowerManagement`]) at the ports that PMBASE names, with general purpose events and the
//!   SMI registers beside it.
//! - PIRQ routes: which inputs of the 8259s the pins 16 to 23 reach.
//! - The root complex's registers at RCBA; they read as after power-on.
//! - The reset register at 0xCF9, and the SMI command port at 0xB2.
//!
//! There is no system management mode. The SMI command port hands the machine to ACPI or back by itself, and SMI_EN
//! says that firmware has set SMM up already, so that no firmware tries.

mod bus;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use registers::{
    ACPI_DISABLE, ACPI_ENABLE, PM_BYTES, PM_GENERAL_EVENTS, PM_REGION, RCBA_REGION, RESET_PORT, RESET_REGION,
    SMI_PORT, SMI_PORTS, SMI_REGION,
};
pub use state::Lpc;
