//! The *pc* platform: a Q35 board on which stock firmware starts.
//!
//! [`PcPlan`] says where RAM and the firmware's memory lie, which PCI functions there are and which interrupt
//! each has, where each drive is attached, what the CMOS memory holds, and what firmware reads through fw_cfg: the
//! memory map, ACPI and SMBIOS tables, the boot order. [`layout`] is the board's address map.

mod acpi;
mod boot_order;
mod cmos;
mod content;
mod drives;
mod functions;
pub mod layout;
mod plan;
mod rom;
mod smbios;
#[cfg(test)]
mod tests;

pub use acpi::{PcTables, TablesRequest};
pub use drives::{DriveKind, PcDrive, Seat};
pub use functions::{PcFunction, PcInterrupt, PcRole, interrupt_of};
pub use plan::PcPlan;
pub use rom::{FirmwareMap, MemoryWindow, video_bios_file};
