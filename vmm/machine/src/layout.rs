//! The address map of the micro platform.

use base_units::Gpa;

/// RAM starts here.
pub const RAM_START: Gpa = Gpa::new(0);
/// Conventional memory ends here; the video window and option ROMs of a PC follow.
pub const CONVENTIONAL_END: Gpa = Gpa::new(0xA_0000);
/// The ACPI tables lie from here ...
pub const TABLES_START: Gpa = Gpa::new(0xE_0000);
/// ... to here, in the area where a PC's firmware has its own: the RSDP is the first of them, so
/// that a kernel that scans finds it too.
pub const TABLES_END: Gpa = Gpa::new(0x10_0000);
/// Memory above the first MiB.
pub const HIGH_MEMORY_START: Gpa = Gpa::new(0x10_0000);
/// RAM below 4 GiB ends here at the latest; the rest continues at [`RAM_ABOVE_4G`].
pub const LOW_RAM_END_MAX: Gpa = Gpa::new(0xC000_0000);
/// The window for 32-bit PCI BARs starts here ...
pub const PCI_WINDOW_START: Gpa = Gpa::new(0xC000_0000);
/// ... and ends here.
pub const PCI_WINDOW_END: Gpa = Gpa::new(0xE000_0000);
/// PCI Express configuration space (ECAM) of bus 0.
pub const ECAM_START: Gpa = Gpa::new(0xE000_0000);
/// Bytes of ECAM: one bus of 32 devices with 8 functions of 4 KiB.
pub const ECAM_BYTES: u64 = 0x10_0000;
/// I/O APIC registers.
pub const IO_APIC_START: Gpa = Gpa::new(0xFEC0_0000);
/// Local APIC registers, emulated in ring 0.
pub const LOCAL_APIC_START: Gpa = Gpa::new(0xFEE0_0000);
/// RAM that does not fit below the hole continues here.
pub const RAM_ABOVE_4G: Gpa = Gpa::new(0x1_0000_0000);

/// Pins of the I/O APIC; its first global system interrupt is 0.
pub const IO_APIC_PINS: u32 = 24;
/// APIC id of the I/O APIC: above those of all vCPUs.
pub const IO_APIC_ID: u8 = 0xF0;

/// First port of the serial line COM1.
pub const COM1_PORT: u16 = 0x3F8;
/// Ports of COM1.
pub const COM1_PORTS: u16 = 8;
/// Interrupt of COM1.
pub const COM1_INTERRUPT: u32 = 4;
/// First port of the real-time clock.
pub const RTC_PORT: u16 = 0x70;
/// Interrupt of the real-time clock.
pub const RTC_INTERRUPT: u32 = 8;
/// The system control interrupt (SCI), level-triggered and active high.
pub const SYSTEM_CONTROL_INTERRUPT: u32 = 9;
/// First I/O APIC pin of PCI INTx lines; slot `n` uses pin `PCI_INTERRUPT_FIRST + n % PCI_INTERRUPTS`.
pub const PCI_INTERRUPT_FIRST: u32 = 16;
/// I/O APIC pins that PCI INTx lines share.
pub const PCI_INTERRUPTS: u32 = 8;

/// PM1a event block (ACPI 6.5, 4.8.3.1): status and enable.
pub const PM_EVENT_PORT: u16 = 0x600;
/// Ports of the event block.
pub const PM_EVENT_PORTS: u16 = 4;
/// PM1a control block (ACPI 6.5, 4.8.3.2).
pub const PM_CONTROL_PORT: u16 = 0x604;
/// Ports of the control block.
pub const PM_CONTROL_PORTS: u16 = 2;
/// PM timer (ACPI 6.5, 4.8.3.3): 24 bits.
pub const PM_TIMER_PORT: u16 = 0x608;
/// Ports of the timer.
pub const PM_TIMER_PORTS: u16 = 4;
/// The reset control register of a PC's chipset.
pub const RESET_PORT: u16 = 0xCF9;
/// What resets the machine when written to [`RESET_PORT`]: a full reset.
pub const RESET_VALUE: u8 = 0x06;
/// The value that SLP_TYP must have for S5 (soft off).
pub const SLEEP_TYPE_SOFT_OFF: u8 = 5;

/// CF8/CFC configuration mechanism: first port.
pub const PCI_CONFIG_PORT: u16 = 0xCF8;
/// Ports of the configuration mechanism.
pub const PCI_CONFIG_PORTS: u16 = 8;
