//! The platform of the machine: what is planned for it and the files that it starts with.

use crate::inputs::{BootFiles, FirmwareFiles, KernelFiles};
use alloc::{boxed::Box, format, string::String};
use user_rt::{GUEST_XSAVES, system_info};
use vmm_machine::{CpuidPlan, HostCpuid, HostFacts, MachinePlan, MemoryMap, pc::PcPlan};
use vmm_protocol::MachineConfig;

/// A platform, with everything that is decided before the machine starts.
pub(crate) enum Platform {
    /// A kernel is placed in memory.
    Micro { plan: Box<MachinePlan>, files: KernelFiles },
    /// Firmware starts.
    Pc { plan: Box<PcPlan>, files: Box<FirmwareFiles> },
}

impl Platform {
    /// Plans the machine. An error is a sentence for its owner.
    pub(crate) fn new(machine: &MachineConfig, files: BootFiles) -> Result<Self, String> {
        let host = host_facts();
        let platform = match files {
            BootFiles::Kernel(files) => {
                MachinePlan::new(machine, &host).map(|plan| Self::Micro { plan: Box::new(plan), files })
            }
            BootFiles::Firmware(files) => {
                PcPlan::new(machine, &files.boot, &host).map(|plan| Self::Pc { plan: Box::new(plan), files })
            }
        };
        platform.map_err(|error| format!("{error}"))
    }

    /// Where RAM is.
    pub(crate) fn memory(&self) -> &MemoryMap {
        match self {
            Self::Micro { plan, .. } => &plan.memory,
            Self::Pc { plan, .. } => &plan.memory,
        }
    }

    /// CPUID tables.
    pub(crate) fn cpuid(&self) -> &CpuidPlan {
        match self {
            Self::Micro { plan, .. } => &plan.cpuid,
            Self::Pc { plan, .. } => &plan.cpuid,
        }
    }
}

/// CPUID leaf Dh, subleaf 1, EAX: XSAVES.
const EAX_XSAVES: u32 = 1 << 3;

/// What guests may have of this processor: its CPUID, but for what ring 0 does not let them have.
fn host_facts() -> HostFacts {
    let info = system_info();
    let cpuid = HostCpuid::read(|leaf, subleaf| {
        let mut answer = user_rt::cpuid(leaf, subleaf);
        if (leaf, subleaf) == (0xd, 1) && info.guest_features & GUEST_XSAVES == 0 {
            answer.eax &= !EAX_XSAVES;
        }
        [answer.eax, answer.ebx, answer.ecx, answer.edx]
    });
    HostFacts {
        cpuid,
        tsc_khz: u32::try_from(info.tsc_hz / 1000).unwrap_or(u32::MAX),
        guest_address_bits: info.guest_address_bits,
        guest_xcr0: info.guest_xcr0,
    }
}
