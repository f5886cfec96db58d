//! UART, RTC, I/O APIC, PCI host bridge, power management.
#![no_std]
#![forbid(unsafe_code)]
