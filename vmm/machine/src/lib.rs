//! From a machine's description to everything that has to be true before its first instruction.
//!
//! [`MachinePlan::new`] is a pure function of a [`vmm_protocol::MachineConfig`] and of
//! [`HostFacts`]. It answers where RAM lies and what the firmware's memory map says
//! ([`MemoryMap`]), which PCI slots there are and where their windows are ([`PciSlots`]), what
//! each vCPU's CPUID instruction says ([`CpuidPlan`]) and what the ACPI tables say
//! ([`AcpiTables`]). It places nothing and calls nobody: the program does what the plan says.
//!
//! That machine is the *micro* platform: no PIC, no PIT, no BIOS. [`layout`] is its address map. The other one is
//! [`pc`], a board on which firmware starts.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod acpi;
mod clock;
mod cpuid;
mod error;
pub mod layout;
mod memory_map;
pub mod pc;
mod plan;
mod slots;
mod vcpu_state;

pub use acpi::AcpiTables;
pub use clock::{ClockScale, TIME_RECORD_BYTES, WALL_RECORD_BYTES, wall_record};
pub use cpuid::{CpuidEntry, CpuidPlan, HostCpuid};
pub use error::PlanError;
pub use memory_map::{MemoryKind, MemoryMap, MemoryRange, RamRegion};
pub use plan::{HostFacts, MachinePlan};
pub use slots::{PciRole, PciSlot, PciSlots};
pub use vcpu_state::{SavedMsr, VcpuState, is_same_rate, ticks_at_rate};
