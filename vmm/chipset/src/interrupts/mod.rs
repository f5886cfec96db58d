//! All interrupt controllers of a PC in one: the two 8259s beside the I/O APIC.
//!
//! Pins 0 to 15 are the interrupts of the ISA bus and go to both: pin 0 (the timer) to input 0 and to the I/O
//! APIC's pin 2, pin 2 (the cascade) to nobody. Pins 16 to 23 go to the I/O APIC, and are the ISA
//! interrupt that the chipset routes them to, for both: systems that read no ACPI tables find PCI there (MultiProcessor
//! Specification 1.4, D.2). Whatever the I/O APIC has masked is heard by the 8259s all the
//! same: software masks what it does not use.

mod bus;
mod state;
#[cfg(test)]
mod tests;

pub use bus::{FIRST_PORT, FIRST_REGION, PORTS, SECOND_PORT, SECOND_REGION, TRIGGER_PORT, TRIGGER_REGION};
pub use state::PcInterrupts;
