//! What the CPUID instruction of each vCPU says.
//!
//! The table starts from the host's: vendor, family and what the silicon can do are real, so
//! that a guest's own workarounds fit. It keeps only features that ring 0 carries through
//! ([`features`]), describes the machine's own topology ([`topology`]) and adds the
//! paravirtual leaves ([`paravirtual`]).

mod extended_state;
mod features;
mod paravirtual;
mod topology;

use crate::plan::HostFacts;
use alloc::vec::Vec;

/// Basic leaves that a guest sees at the most.
const BASIC_LEAF_MAX: u32 = 0x1F;
/// Extended leaves that a guest sees at the most.
const EXTENDED_LEAF_MAX: u32 = 0x8000_0021;
/// The first extended leaf.
const EXTENDED_LEAF_FIRST: u32 = 0x8000_0000;

/// One line of a CPUID table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuidEntry {
    /// EAX going in.
    pub leaf: u32,
    /// ECX going in, where it matters.
    pub subleaf: Option<u32>,
    /// EAX coming out.
    pub eax: u32,
    /// EBX coming out.
    pub ebx: u32,
    /// ECX coming out.
    pub ecx: u32,
    /// EDX coming out.
    pub edx: u32,
}

/// The host's CPUID as data.
#[derive(Clone, Debug, Default)]
pub struct HostCpuid {
    entries: Vec<CpuidEntry>,
}

/// Who made the processor, as far as leaves differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Vendor {
    /// AMD and Hygon.
    Amd,
    /// Everybody else is treated like Intel.
    Intel,
}

impl HostCpuid {
    /// Asks `cpuid(leaf, subleaf) -> [eax, ebx, ecx, edx]` for every leaf that a plan looks at.
    pub fn read(mut cpuid: impl FnMut(u32, u32) -> [u32; 4]) -> Self {
        let mut entries = Vec::with_capacity(LEAVES_READ);
        for (first, last) in [(0, BASIC_LEAF_MAX), (EXTENDED_LEAF_FIRST, EXTENDED_LEAF_MAX)] {
            let [highest, ..] = cpuid(first, 0);
            for leaf in first..=highest.min(last) {
                for subleaf in 0..subleaves_read(leaf) {
                    let [eax, ebx, ecx, edx] = cpuid(leaf, subleaf);
                    if eax | ebx | ecx | edx != 0 {
                        entries.push(CpuidEntry { leaf, subleaf: Some(subleaf), eax, ebx, ecx, edx });
                    }
                }
            }
        }
        Self { entries }
    }

    /// What the host says; zeros where it says nothing.
    pub(crate) fn leaf(&self, leaf: u32, subleaf: u32) -> CpuidEntry {
        let found = self.entries.iter().find(|entry| entry.leaf == leaf && entry.subleaf == Some(subleaf));
        found.copied().unwrap_or(CpuidEntry { leaf, ..CpuidEntry::default() })
    }

    fn vendor(&self) -> Vendor {
        match &self.leaf(0, 0).ebx.to_le_bytes() {
            b"Auth" | b"Hygo" => Vendor::Amd,
            _ => Vendor::Intel,
        }
    }
}

/// A guess that spares the list from growing.
const LEAVES_READ: usize = 64;

/// How many subleaves of a leaf the plan looks at.
fn subleaves_read(leaf: u32) -> u32 {
    match leaf {
        0x7 => 2,
        0x4 | 0x8000_001D => topology::CACHES_MAX,
        0xD => extended_state::COMPONENTS,
        _ => 1,
    }
}

/// The CPUID tables of a machine: one list, in which a few words depend on the vCPU.
#[derive(Clone, Debug)]
pub struct CpuidPlan {
    entries: Vec<CpuidEntry>,
}

impl CpuidPlan {
    /// Plans the tables of `vcpus` vCPUs on this host.
    pub(crate) fn new(host: &HostFacts, vcpus: u32) -> Self {
        let mut table =
            Table { host, vcpus, vendor: host.cpuid.vendor(), entries: Vec::with_capacity(LEAVES_READ) };
        features::append_basic(&mut table);
        topology::append(&mut table);
        extended_state::append(&mut table);
        paravirtual::append(&mut table);
        features::append_extended(&mut table);
        table.entries.retain(is_worth_an_entry);
        table.entries.shrink_to_fit();
        Self { entries: table.entries }
    }

    /// The table of the vCPU with this APIC id.
    pub fn for_vcpu(&self, apic_id: u32) -> impl Iterator<Item = CpuidEntry> {
        self.entries.iter().map(move |entry| topology::with_apic_id(*entry, apic_id))
    }
}

/// A missing entry reads as zeros: those need no line, except where an end of a list depends on the vCPU.
fn is_worth_an_entry(entry: &CpuidEntry) -> bool {
    entry.eax | entry.ebx | entry.ecx | entry.edx != 0 || entry.leaf == topology::LEAF_EXTENDED_TOPOLOGY
}

/// A table while it is being made.
pub(crate) struct Table<'a> {
    host: &'a HostFacts,
    vcpus: u32,
    vendor: Vendor,
    entries: Vec<CpuidEntry>,
}

impl Table<'_> {
    /// Adds a leaf that is the same for all subleaves.
    fn add(&mut self, leaf: u32, [eax, ebx, ecx, edx]: [u32; 4]) {
        self.entries.push(CpuidEntry { leaf, subleaf: None, eax, ebx, ecx, edx });
    }

    /// Adds one subleaf.
    fn add_subleaf(&mut self, leaf: u32, subleaf: u32, [eax, ebx, ecx, edx]: [u32; 4]) {
        self.entries.push(CpuidEntry { leaf, subleaf: Some(subleaf), eax, ebx, ecx, edx });
    }

    /// Adds a leaf as the host has it.
    fn pass_through(&mut self, leaf: u32) {
        let host = self.host.cpuid.leaf(leaf, 0);
        self.add(leaf, [host.eax, host.ebx, host.ecx, host.edx]);
    }
}

#[cfg(test)]
mod tests;
