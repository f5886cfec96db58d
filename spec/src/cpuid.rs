//! CPUID leaves and the bits that matter here (AMD APM vol. 3, appendix E; Intel SDM vol. 2, CPUID).

/// First hypervisor leaf.
pub const HYPERVISOR: u32 = 0x4000_0000;
/// First extended leaf.
pub const EXTENDED: u32 = 0x8000_0000;
/// Leaf of the XSAVE components.
pub const LEAF_XSAVE: u32 = 0xd;

/// Leaf 1 ECX: x2APIC.
pub const ECX1_X2APIC: u32 = 1 << 21;
/// Leaf 1 ECX: TSC deadline timer.
pub const ECX1_TSC_DEADLINE: u32 = 1 << 24;
/// Leaf 1 ECX: the operating system has enabled XSAVE.
pub const ECX1_OSXSAVE: u32 = 1 << 27;
/// Leaf 1 EDX (and 0x8000_0001 EDX): APIC.
pub const EDX1_APIC: u32 = 1 << 9;
/// Leaf 7 ECX: the operating system has enabled protection keys.
pub const ECX7_OSPKE: u32 = 1 << 4;

/// SVM's features: EAX revision, EBX address-space identifiers, EDX features.
pub const LEAF_SVM: u32 = 0x8000_000a;
/// Leaf 0x8000_0001 ECX: SVM.
pub const ECX80000001_SVM: u32 = 1 << 2;
