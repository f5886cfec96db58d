//! The plan of one machine.

use crate::{AcpiTables, CpuidPlan, HostCpuid, MemoryMap, PciSlots, PlanError};
use vmm_protocol::{MachineConfig, VCPUS_MAX};

/// What the plan must know of the processor that will run the machine.
#[derive(Clone, Debug)]
pub struct HostFacts {
    /// What the host's CPUID instruction says.
    pub cpuid: HostCpuid,
    /// TSC ticks per millisecond.
    pub tsc_khz: u32,
    /// Bits of a guest-physical address.
    pub guest_address_bits: u32,
    /// XCR0 bits that a guest may set; 0 = the guest gets no XSAVE.
    pub guest_xcr0: u64,
}

/// Everything that is decided before a machine starts.
#[derive(Clone, Debug)]
pub struct MachinePlan {
    /// RAM and the firmware's memory map.
    pub memory: MemoryMap,
    /// PCI devices.
    pub slots: PciSlots,
    /// CPUID tables.
    pub cpuid: CpuidPlan,
    /// ACPI tables, ready to be copied into RAM.
    pub acpi: AcpiTables,
    /// Number of vCPUs; the APIC id of each is its index.
    pub vcpus: u32,
}

impl MachinePlan {
    /// Plans the machine that `config` describes for the processor that `host` describes.
    pub fn new(config: &MachineConfig, host: &HostFacts) -> Result<Self, PlanError> {
        if config.vcpus == 0 || config.vcpus > VCPUS_MAX {
            return Err(PlanError::Vcpus(config.vcpus));
        }
        let memory = MemoryMap::new(config.memory_bytes, host.guest_address_bits)?;
        let slots = PciSlots::new(config.disks.len())?;
        let cpuid = CpuidPlan::new(host, config.vcpus);
        let acpi = AcpiTables::new(config.vcpus)?;
        Ok(Self { memory, slots, cpuid, acpi, vcpus: config.vcpus })
    }
}
