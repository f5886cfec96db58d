//! Register layout (ICH9 data sheet, 13.1 and 13.8.3).

use vmm_bus::{Region, pci::Identity};

/// Region of power management, at PMBASE.
pub const PM_REGION: Region = Region(0);
/// Region of the root complex's registers, at RCBA.
pub const RCBA_REGION: Region = Region(1);
/// Region of the reset register.
pub const RESET_REGION: Region = Region(2);
/// Region of the SMI command and status ports.
pub const SMI_REGION: Region = Region(3);
/// Port of the reset register.
pub const RESET_PORT: u16 = crate::pm::RESET_PORT;
/// First port of SMI command and status.
pub const SMI_PORT: u16 = 0xB2;
/// Ports of SMI command and status.
pub const SMI_PORTS: u16 = 2;
/// What software writes to the SMI command port to hand the machine to ACPI.
pub const ACPI_ENABLE: u8 = 0x02;
/// And to take it back.
pub const ACPI_DISABLE: u8 = 0x03;
/// Ports at PMBASE.
pub const PM_BYTES: u16 = 0x80;
/// Offset of the general purpose events from PMBASE: eight bytes of status, eight of enables.
pub const PM_GENERAL_EVENTS: u16 = 0x20;

/// Who it is: an ICH9.
pub(super) const IDENTITY: Identity = Identity {
    vendor: 0x8086,
    device: 0x2918,
    subsystem_vendor: 0x1AF4,
    subsystem: 0x1100,
    class: 0x06_01_00,
    revision: 2,
};

/// Where the ports of power management are; bit 0 says that they are ports.
pub(super) const PMBASE: u16 = 0x40;
pub(super) const PMBASE_ADDRESS: u16 = 0xFF80;
/// Whether they are there.
pub(super) const ACPI_CONTROL: u16 = 0x44;
pub(super) const ACPI_ENABLED: u8 = 1 << 7;
/// Bits of it that software writes: that one, and the interrupt, which stays 9.
pub(super) const ACPI_CONTROL_WRITABLE: u8 = 0b1000_0111;
/// Routes of PIRQA to PIRQD ...
pub(super) const PIRQ_A: u16 = 0x60;
/// ... and of PIRQE to PIRQH.
pub(super) const PIRQ_E: u16 = 0x68;
/// A route that leads nowhere.
pub(super) const PIRQ_OFF: u8 = 1 << 7;
pub(super) const PIRQ_WRITABLE: u8 = 0x8F;
/// Interrupts that a route may name: not those of the timer, keyboard, cascade, clock and coprocessor.
pub(super) const PIRQ_ALLOWED: u16 = 0b1101_1110_1111_1000;
/// First of the registers that only remember what was written: serial interrupt control, decode ranges.
pub(super) const PLAIN: [(u16, &[u8]); 7] = [
    (0x48, &[0x80, 0xFF, 0, 0, 0x10]),
    (0x64, &[0xFF]),
    (0x80, &[0x77, 0x13, 0x0F, 0x3F]),
    (0x84, &[0xFF; 16]),
    (GEN_PMCON, &[0xFF; 6]),
    (0xD0, &[0xFF; 12]),
    (0xDC, &[0x1F]),
];
/// Power management configuration, three words.
const GEN_PMCON: u16 = 0xA0;
/// Where the root complex's registers are.
pub(super) const RCBA: u16 = 0xF0;
pub(super) const RCBA_ADDRESS: u32 = 0xFFFF_C000;
pub(super) const RCBA_ENABLED: u32 = 1;
/// Bytes of them.
pub(super) const RCBA_BYTES: u64 = 0x4000;

/// Routes of devices 25 to 31 behind RCBA: pins A to D to PIRQA to PIRQD (ICH9 data sheet, 10.1.25).
pub(super) const RCBA_ROUTES: core::ops::Range<u64> = 0x3140..0x3150;
pub(super) const RCBA_ROUTE_DEFAULT: u16 = 0x3210;
/// General control and status behind RCBA: the watchdog resets nothing.
pub(super) const RCBA_GENERAL_CONTROL: u64 = 0x3410;
pub(super) const RCBA_NO_REBOOT: u8 = 1 << 5;

/// Offsets from PMBASE.
pub(super) const PM_CONTROL: u64 = 0x04;
pub(super) const PM_TIMER: u64 = 0x08;
pub(super) const PM_TIMER_END: u64 = 0x0C;
pub(super) const PM_GENERAL_STATUS: u64 = PM_GENERAL_EVENTS as u64;
pub(super) const PM_GENERAL_ENABLE: u64 = 0x28;
pub(super) const PM_SMI_ENABLE: u64 = 0x30;
pub(super) const PM_SMI_STATUS: u64 = 0x34;
pub(super) const PM_SMI_END: u64 = 0x38;
/// SMI_EN: SMIs by the command port.
pub(super) const SMI_COMMAND_PORT: u32 = 1 << 5;
