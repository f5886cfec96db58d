//! The plan of one PC.

use super::{
    acpi::{PcTables, TablesRequest},
    cmos,
    content::{self, ContentRequest},
    drives::{self, PcDrive},
    functions::{self, PcFunction},
    layout,
    rom::FirmwareMap,
    smbios::{Smbios, SmbiosRequest, uuid_of},
};
use crate::{CpuidPlan, HostFacts, MemoryMap, PlanError};
use alloc::vec::Vec;
use base_units::Gpa;
use vmm_fwcfg::Content;
use vmm_protocol::{Firmware, FirmwareBoot, MachineConfig, VCPUS_MAX};

/// Leaf 1 of CPUID: signature and features.
const CPUID_SIGNATURE: u32 = 1;

/// Everything that is decided before a PC starts.
#[derive(Debug)]
pub struct PcPlan {
    /// RAM.
    pub memory: MemoryMap,
    /// Where the firmware's memory lies.
    pub firmware: FirmwareMap,
    /// PCI functions in the order of their places, a root port before what is behind it.
    pub functions: Vec<PcFunction>,
    /// Where the disks and CD-ROMs are attached: disks first.
    pub drives: Vec<PcDrive>,
    /// CPUID tables.
    pub cpuid: CpuidPlan,
    /// What CMOS memory holds: places with their values.
    pub cmos: Vec<(u8, u8)>,
    /// What firmware reads through fw_cfg.
    pub content: Content,
    /// What the processor's signature is: EDX after reset.
    pub signature: u32,
    /// Number of vCPUs; the APIC id of each is its index.
    pub vcpus: u32,
    has_floppy: bool,
    high_window_end: Option<Gpa>,
}

impl PcPlan {
    /// Plans the PC that `config` and `boot` describe for the processor that `host` describes.
    pub fn new(config: &MachineConfig, boot: &FirmwareBoot, host: &HostFacts) -> Result<Self, PlanError> {
        if config.vcpus == 0 || config.vcpus > VCPUS_MAX {
            return Err(PlanError::Vcpus(config.vcpus));
        }
        let memory = memory(config.memory_bytes, boot.firmware, host)?;
        let firmware = FirmwareMap::new(boot)?;
        let drives = drives::plan(&config.disks, &boot.devices)?;
        let functions = functions::plan(&boot.devices, &drives)?;
        let cpuid = CpuidPlan::new(host, config.vcpus);
        let processor = cpuid.for_vcpu(0).find(|entry| entry.leaf == CPUID_SIGNATURE).unwrap_or_default();
        // Only UEFI puts windows there, and old systems that a legacy BIOS starts stumble over it.
        let high_window_end = (boot.firmware == Firmware::Uefi).then(|| address_end(host));
        let mut plan = Self {
            cmos: cmos::contents(&memory, &boot.devices, config.vcpus),
            memory,
            firmware,
            functions,
            drives,
            cpuid,
            content: Content::new(),
            signature: processor.eax,
            vcpus: config.vcpus,
            has_floppy: boot.devices.floppy.is_some(),
            high_window_end,
        };
        let uuid = uuid_of(&config.name);
        let smbios = Smbios::new(&SmbiosRequest {
            name: &config.name,
            uuid,
            vcpus: config.vcpus,
            signature: processor.eax,
            features: processor.edx,
            memory: &plan.memory,
        });
        let request = ContentRequest {
            memory: &plan.memory,
            devices: &boot.devices,
            drives: &plan.drives,
            functions: &plan.functions,
            vcpus: config.vcpus,
            uuid,
            tables: &plan.tables(layout::ECAM_START),
            smbios,
        };
        plan.content = content::build(request).map_err(|_| PlanError::Content)?;
        Ok(plan)
    }

    /// The ACPI tables if firmware puts configuration space (ECAM) at `ecam`. Their sizes do not depend on it as
    /// long as both sides of it have room for windows; files of fw_cfg may be replaced by them.
    pub fn tables(&self, ecam: Gpa) -> PcTables {
        PcTables::new(&TablesRequest {
            vcpus: self.vcpus,
            memory: &self.memory,
            ecam,
            has_floppy: self.has_floppy,
            high_window_end: self.high_window_end,
        })
    }
}

fn memory(bytes: u64, firmware: Firmware, host: &HostFacts) -> Result<MemoryMap, PlanError> {
    let least = firmware.memory_bytes_min();
    if bytes < least {
        return Err(PlanError::MemoryTooSmallForFirmware(bytes, least));
    }
    MemoryMap::new_pc(bytes, host.guest_address_bits)
}

/// Where guest-physical addresses end.
fn address_end(host: &HostFacts) -> Gpa {
    Gpa::new(1u64.checked_shl(host.guest_address_bits).unwrap_or(u64::MAX))
}
