//! Which vCPU this is and how the vCPUs hang together: one package, one thread per core.

use super::{CpuidEntry, Table, Vendor};

/// Caches that leaves 4 and 8000_001Dh list at the most.
pub(super) const CACHES_MAX: u32 = 8;
/// Extended topology (Intel SDM vol. 2, CPUID).
pub(super) const LEAF_EXTENDED_TOPOLOGY: u32 = 0xB;
/// Deterministic cache parameters of Intel's processors.
const LEAF_CACHES_INTEL: u32 = 4;
/// Cache topology of AMD's processors (AMD APM vol. 3, E.4.15).
const LEAF_CACHES_AMD: u32 = 0x8000_001D;
/// Processor topology of AMD's processors (AMD APM vol. 3, E.4.16).
const LEAF_PROCESSOR_AMD: u32 = 0x8000_001E;
/// Leaf 8000_0001h ECX: leaf 1's processor count counts cores.
pub(super) const CMP_LEGACY: u32 = 1 << 1;
/// Leaf 8000_0001h ECX: leaves 8000_001Dh and 8000_001Eh are there.
const TOPOLOGY_EXTENSIONS: u32 = 1 << 22;
/// The level at which a cache is shared by the package.
const SHARED_CACHE_LEVEL: u32 = 3;

/// APIC ids that the package spans: the number of vCPUs rounded up to a power of two.
pub(super) fn id_space(vcpus: u32) -> u32 {
    vcpus.next_power_of_two()
}

/// Adds the topology leaves.
pub(super) fn append(table: &mut Table<'_>) {
    let shift = id_space(table.vcpus).trailing_zeros();
    // Threads of a core, then cores of the package, then the end of the list.
    table.add_subleaf(LEAF_EXTENDED_TOPOLOGY, 0, [0, 1, 0x100, 0]);
    table.add_subleaf(LEAF_EXTENDED_TOPOLOGY, 1, [shift, table.vcpus, 0x201, 0]);
    table.add_subleaf(LEAF_EXTENDED_TOPOLOGY, 2, [0, 0, 2, 0]);
    match table.vendor {
        Vendor::Intel => append_caches(table, LEAF_CACHES_INTEL),
        Vendor::Amd if has_topology_extensions(table) => {
            append_caches(table, LEAF_CACHES_AMD);
            table.add(LEAF_PROCESSOR_AMD, [0; 4]);
            // The ids of this leaf come with the vCPU, even where they are all zero.
            if let Some(entry) = table.entries.last_mut() {
                entry.ecx = ONE_NODE;
            }
        }
        Vendor::Amd => {}
    }
}

/// Leaf 8000_001Eh ECX: node 0, one node in the package (bits 10..8 count from zero). Bit 31 is not
/// defined and is masked out when the leaf is handed out; it keeps the line from looking empty.
const ONE_NODE: u32 = 1 << 31;

fn has_topology_extensions(table: &Table<'_>) -> bool {
    table.host.cpuid.leaf(0x8000_0001, 0).ecx & TOPOLOGY_EXTENSIONS != 0
}

/// The host's caches with the guest's sharing: by one core, or by all of them for the last level.
fn append_caches(table: &mut Table<'_>, leaf: u32) {
    for subleaf in 0..CACHES_MAX {
        let host = table.host.cpuid.leaf(leaf, subleaf);
        if host.eax & 0x1F == 0 {
            break;
        }
        let is_shared = host.eax >> 5 & 7 >= SHARED_CACHE_LEVEL;
        let sharing = if is_shared { id_space(table.vcpus) - 1 } else { 0 };
        let mut eax = host.eax & 0x3FF | sharing << 14;
        if leaf == LEAF_CACHES_INTEL {
            eax |= (id_space(table.vcpus) - 1).min(0x3F) << 26;
        }
        table.add_subleaf(leaf, subleaf, [eax, host.ebx, host.ecx, host.edx]);
    }
}

/// ECX of leaf 8000_0008h: bits of the APIC id that name a core, and the number of cores less one (AMD).
pub(super) fn extended8_ecx(table: &Table<'_>) -> u32 {
    match table.vendor {
        Vendor::Amd => id_space(table.vcpus).trailing_zeros() << 12 | (table.vcpus - 1),
        Vendor::Intel => 0,
    }
}

/// Fills in the words that name the vCPU.
pub(super) fn with_apic_id(mut entry: CpuidEntry, apic_id: u32) -> CpuidEntry {
    match entry.leaf {
        1 => entry.ebx |= apic_id.min(0xFF) << 24,
        LEAF_EXTENDED_TOPOLOGY => entry.edx = apic_id,
        LEAF_PROCESSOR_AMD => {
            entry.eax = apic_id;
            // One thread per core (bits 15..8 count from zero).
            entry.ebx = apic_id & 0xFF;
            entry.ecx &= !ONE_NODE;
        }
        _ => {}
    }
    entry
}
