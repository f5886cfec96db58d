//! The devices of a PC's board: each a value, one folder each.
//!
//! - [`uart16550`]: a serial line.
//! - [`rtc`]: MC146818 clock and CMOS memory.
//! - [`ioapic`]: lines to messages. [`pic`]: the two 8259s. [`interrupts`]: both together, as on a PC.
//! - [`pit`]: the 8254 timer and port 0x61. [`hpet`]: the timers that replace it.
//! - [`pm`]: ACPI power management and the reset register at 0xCF9.
//! - [`i8042`]: keyboard, mouse and port 0x92. [`keyboard_controller`]: the reset pulse at port 0x64, nothing else.
//! - [`host_bridge`]: PCI function 00:00.0. [`mch`] and [`lpc`]: those of a Q35 with its ICH9.
//!   [`root_port`]: a bridge.
//! - [`floppy`]: the floppy controller with its [`dma`].
//! - [`debug_port`]: where firmware says what it does.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod byte_ports;
mod byte_queue;
pub mod debug_port;
pub mod dma;
pub mod floppy;
pub mod host_bridge;
pub mod hpet;
pub mod i8042;
pub mod interrupts;
pub mod ioapic;
pub mod keyboard_controller;
pub mod lpc;
pub mod mch;
pub mod pic;
pub mod pit;
pub mod pm;
pub mod root_port;
pub mod rtc;
pub mod uart16550;

pub use debug_port::DebugPort;
pub use floppy::Floppy;
pub use host_bridge::HostBridge;
pub use hpet::Hpet;
pub use i8042::I8042;
pub use interrupts::PcInterrupts;
pub use ioapic::IoApic;
pub use keyboard_controller::KeyboardController;
pub use lpc::Lpc;
pub use mch::Mch;
pub use pit::Pit;
pub use pm::PowerManagement;
pub use root_port::RootPort;
pub use rtc::{Rtc, UnixSeconds};
pub use uart16550::Uart;
