//! What a device sees: port, MMIO and PCI dispatch, interrupts, guest memory.
#![no_std]
#![forbid(unsafe_code)]
