//! What the processor says of itself.

/// The answer of one CPUID leaf.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuidResult {
    /// EAX.
    pub eax: u32,
    /// EBX.
    pub ebx: u32,
    /// ECX.
    pub ecx: u32,
    /// EDX.
    pub edx: u32,
}

/// Reads one leaf of the host processor's CPUID.
pub fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    let answer = core::arch::x86_64::__cpuid_count(leaf, subleaf);
    CpuidResult { eax: answer.eax, ebx: answer.ebx, ecx: answer.ecx, edx: answer.edx }
}
