//! The address map of a Q35 board as firmware for virtual machines knows it.

use base_units::Gpa;

pub use crate::layout::{
    COM1_INTERRUPT, COM1_PORT, COM1_PORTS, IO_APIC_PINS, IO_APIC_START, LOCAL_APIC_START, RAM_ABOVE_4G,
    RESET_PORT, RESET_VALUE, RTC_INTERRUPT, RTC_PORT, SYSTEM_CONTROL_INTERRUPT,
};

/// The window of VGA memory starts here ...
pub const VIDEO_START: Gpa = Gpa::new(0xA_0000);
/// ... and ends here.
pub const VIDEO_END: Gpa = Gpa::new(0xC_0000);
/// Where the last bytes of a legacy BIOS show below 1 MiB, at the most ...
pub const BIOS_SHADOW_START: Gpa = Gpa::new(0xE_0000);
/// ... and where they end.
pub const BIOS_SHADOW_END: Gpa = Gpa::new(0x10_0000);
/// Machines with less RAM have all of it below 4 GiB.
pub const LOW_RAM_BYTES_MAX: u64 = 0xB000_0000;
/// Machines with more RAM have this much of it below 4 GiB.
pub const LOW_RAM_BYTES_SPLIT: u64 = 0x8000_0000;
/// PCI Express configuration space (ECAM) where firmware puts it.
pub const ECAM_START: Gpa = Gpa::new(0xB000_0000);
/// Bytes of ECAM: 256 buses.
pub const ECAM_BYTES: u64 = 0x1000_0000;
/// 32-bit PCI windows end here: interrupt controllers, timers and firmware follow.
pub const PCI_WINDOW_END: Gpa = Gpa::new(0xFEC0_0000);
/// HPET registers.
pub const HPET_START: Gpa = Gpa::new(0xFED0_0000);
/// Bytes of HPET registers.
pub const HPET_BYTES: u64 = 0x400;
/// The chipset's root complex registers, where firmware puts them.
pub const ROOT_COMPLEX_START: Gpa = Gpa::new(0xFED1_C000);
/// Bytes of them.
pub const ROOT_COMPLEX_BYTES: u64 = 0x4000;
/// Firmware ends here.
pub const FIRMWARE_END: Gpa = Gpa::new(0x1_0000_0000);
/// Bytes of firmware at the most: what the chipset decodes for it.
pub const FIRMWARE_BYTES_MAX: u64 = 0x80_0000;

/// The chipset's power management, where firmware puts it: first port.
pub const PM_PORT: u16 = 0x600;
/// Ports of it.
pub const PM_PORTS: u16 = 0x80;
/// Offset of the event block.
pub const PM_EVENT_OFFSET: u16 = 0x00;
/// Offset of the control block.
pub const PM_CONTROL_OFFSET: u16 = 0x04;
/// Offset of the timer.
pub const PM_TIMER_OFFSET: u16 = 0x08;
/// Offset of general-purpose event block 0.
pub const PM_GPE0_OFFSET: u16 = 0x20;
/// Ports of general-purpose event block 0: as many for status as for enable.
pub const PM_GPE0_PORTS: u8 = 16;
/// The value that SLP_TYP must have for S5 (soft off): what firmware writes that reads no tables.
pub const SLEEP_TYPE_SOFT_OFF: u8 = 0;
/// What firmware's tables say that the chipset's SLP_TYP for S4 would be.
pub const SLEEP_TYPE_HIBERNATE: u8 = 2;
/// The same for S3.
pub const SLEEP_TYPE_SUSPEND: u8 = 1;

/// The SMI command port.
pub const SMI_PORT: u16 = 0xB2;
/// What hands power management to the operating system when written there.
pub const ACPI_ENABLE: u8 = 0x02;
/// What takes it back.
pub const ACPI_DISABLE: u8 = 0x03;

/// First port of the serial line COM2.
pub const COM2_PORT: u16 = 0x2F8;
/// Interrupt of COM2.
pub const COM2_INTERRUPT: u32 = 3;
/// First port of the floppy controller.
pub const FLOPPY_PORT: u16 = 0x3F0;
/// Interrupt of the floppy controller.
pub const FLOPPY_INTERRUPT: u32 = 6;
/// DMA channel of the floppy controller.
pub const FLOPPY_CHANNEL: u8 = 2;
/// Interrupt of the PS/2 keyboard.
pub const KEYBOARD_INTERRUPT: u32 = 1;
/// Interrupt of the PS/2 mouse.
pub const MOUSE_INTERRUPT: u32 = 12;
/// Index of the clock's century in CMOS memory.
pub const CENTURY_INDEX: u8 = 0x32;

/// First I/O APIC pin of the chipset's interrupt requests PIRQA to PIRQH.
pub const PIRQ_FIRST: u8 = 16;
/// Interrupt requests of the chipset.
pub const PIRQS: u8 = 8;
/// Where the chipset keeps the ISA interrupts of PIRQA to PIRQD, in its configuration space ...
pub const PIRQ_A_ROUTE: u8 = 0x60;
/// ... and those of PIRQE to PIRQH.
pub const PIRQ_E_ROUTE: u8 = 0x68;

/// Slot of the host bridge.
pub const HOST_BRIDGE_SLOT: u8 = 0;
/// Slot of the display.
pub const DISPLAY_SLOT: u8 = 1;
/// Slot of the USB controller.
pub const USB_SLOT: u8 = 2;
/// Slot of the entropy device.
pub const ENTROPY_SLOT: u8 = 3;
/// Slot of the memory balloon.
pub const BALLOON_SLOT: u8 = 4;
/// Slot of the virtio console.
pub const CONSOLE_SLOT: u8 = 5;
/// Slot of the first network card; the others follow, then virtio disks and NVMe controllers,
/// each in the slot or behind the root port there.
pub const FIRST_FREE_SLOT: u8 = 6;
/// The first slot that is not for them.
pub const FREE_SLOTS_END: u8 = 0x1C;
/// Slot of the chipset's own functions.
pub const CHIPSET_SLOT: u8 = 0x1F;
/// Function of the ISA bridge (LPC).
pub const LPC_FUNCTION: u8 = 0;
/// Function of the IDE controller.
pub const IDE_FUNCTION: u8 = 1;
/// Function of the AHCI controller.
pub const AHCI_FUNCTION: u8 = 2;
