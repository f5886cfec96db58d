//! Feature leaves: vendor and family as they are, features as far as ring 0 carries them.
//!
//! What is absent from a mask is absent from the guest: features whose state ring 0 does not
//! switch or whose instructions it does not let through (nested virtualisation, MONITOR, SMX,
//! performance counters, PKRU, CET, MPX, processor trace).

use super::{EXTENDED_LEAF_FIRST, Table, Vendor, topology};

/// The bits with these numbers.
const fn bits<const N: usize>(numbers: [u32; N]) -> u32 {
    let mut mask = 0;
    let mut index = 0;
    while index < N {
        mask |= 1 << numbers[index];
        index += 1;
    }
    mask
}

/// Leaf 1 ECX: SSE3 PCLMULQDQ SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND.
const LEAF1_ECX: u32 = bits([0, 1, 9, 12, 13, 17, 19, 20, 22, 23, 25, 26, 28, 29, 30]);
/// Of these, what needs XSAVE: FMA XSAVE AVX F16C.
const LEAF1_ECX_XSAVE: u32 = bits([12, 26, 28, 29]);
/// Of these, what needs AVX state: FMA AVX F16C.
const LEAF1_ECX_AVX: u32 = bits([12, 28, 29]);
/// Leaf 1 ECX, from ring 0's local APIC: x2APIC, TSC deadline; and "this is a guest".
const LEAF1_ECX_OURS: u32 = bits([21, 24, 31]);
/// Leaf 1 EDX: FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR
/// SSE SSE2.
const LEAF1_EDX: u32 = bits([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 23, 24, 25, 26]);
/// Leaf 1 EDX: more than one logical processor.
const LEAF1_EDX_HTT: u32 = bits([28]);
/// Leaf 6 EAX: the APIC timer never stops (ARAT).
const LEAF6_EAX: u32 = bits([2]);
/// Leaf 7 EBX: FSGSBASE TSC_ADJUST BMI1 AVX2 SMEP BMI2 ERMS INVPCID AVX512F AVX512DQ RDSEED ADX SMAP AVX512IFMA
/// CLFLUSHOPT CLWB AVX512CD SHA AVX512BW AVX512VL.
const LEAF7_EBX: u32 = bits([0, 1, 3, 5, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 23, 24, 28, 29, 30, 31]);
/// Of these, what needs AVX state.
const LEAF7_EBX_AVX: u32 = bits([5]);
/// Of these, what needs AVX-512 state.
const LEAF7_EBX_AVX512: u32 = bits([16, 17, 21, 28, 30, 31]);
/// Leaf 7 ECX: AVX512VBMI UMIP AVX512VBMI2 GFNI VAES VPCLMUL AVX512VNNI AVX512BITALG AVX512VPOPCNTDQ LA57
/// RDPID.
const LEAF7_ECX: u32 = bits([1, 2, 6, 8, 9, 10, 11, 12, 14, 16, 22]);
/// Of these, what needs AVX state: VAES VPCLMUL.
const LEAF7_ECX_AVX: u32 = bits([9, 10]);
/// Of these, what needs AVX-512 state.
const LEAF7_ECX_AVX512: u32 = bits([1, 6, 11, 12, 14]);
/// Leaf 7 EDX: FSRM, SERIALIZE.
const LEAF7_EDX: u32 = bits([4, 14]);
/// Leaf 7.1 EAX: AVX-VNNI, fast zero-length MOVSB, fast short STOSB, fast short CMPSB.
const LEAF7_1_EAX: u32 = bits([4, 10, 11, 12]);
/// Leaf 8000_0001h ECX: LAHF CMP_LEGACY CR8 LZCNT SSE4A MISALIGNSSE PREFETCHW FMA4 TBM TOPOEXT.
const EXTENDED1_ECX: u32 = bits([0, 1, 4, 5, 6, 7, 8, 16, 21, 22]);
/// Leaf 8000_0001h EDX: AMD's copy of leaf 1, and SYSCALL NX MMXEXT FXSR_OPT 1-GiB pages RDTSCP LM
/// 3DNOWEXT 3DNOW.
const EXTENDED1_EDX: u32 =
    bits([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 20, 22, 23, 24, 25, 26, 27, 29, 30, 31]);
/// Leaf 8000_0007h EDX: the TSC never changes its rate nor stops.
const EXTENDED7_EDX: u32 = bits([8]);
/// Leaf 8000_0008h EBX: CLZERO, XSAVEERPTR, WBNOINVD.
const EXTENDED8_EBX: u32 = bits([0, 2, 9]);
/// Leaf 8000_0021h EAX: LFENCE serialises, null selectors clear the base.
const EXTENDED21_EAX: u32 = bits([2, 6]);

/// XCR0 bit of AVX state.
const XCR0_AVX: u64 = 1 << 2;
/// XCR0 bits of AVX-512 state.
const XCR0_AVX512: u64 = 0b111 << 5;

/// Adds leaves 0 to 16h, except those of [`topology`] and extended state.
pub(super) fn append_basic(table: &mut Table<'_>) {
    let host0 = table.host.cpuid.leaf(0, 0);
    // Leaf Dh has to be reachable: on AMD's processors the list of basic leaves may end there, and leaf Bh
    // is below it.
    let highest = match table.vendor {
        Vendor::Amd => 0xD,
        Vendor::Intel => 0x16,
    };
    table.add(0, [highest, host0.ebx, host0.ecx, host0.edx]);
    append_leaf1(table);
    if table.vendor == Vendor::Intel {
        table.pass_through(2);
        append_frequencies(table);
    }
    table.add(6, [LEAF6_EAX, 0, 0, 0]);
    append_leaf7(table);
}

fn append_leaf1(table: &mut Table<'_>) {
    let host = table.host.cpuid.leaf(1, 0);
    let mut ecx = host.ecx & LEAF1_ECX;
    if !has_xsave(table) {
        ecx &= !LEAF1_ECX_XSAVE;
    }
    if !has_state(table, XCR0_AVX) {
        ecx &= !LEAF1_ECX_AVX;
    }
    let mut edx = host.edx & LEAF1_EDX;
    if table.vcpus > 1 {
        edx |= LEAF1_EDX_HTT;
    }
    // EBX: CLFLUSH line size from the host, number of processors; the APIC id comes with the vCPU.
    let ebx = host.ebx & 0xFF00 | topology::id_space(table.vcpus).min(0xFF) << 16;
    table.add(1, [host.eax, ebx, ecx | LEAF1_ECX_OURS, edx]);
}

fn append_leaf7(table: &mut Table<'_>) {
    let host = table.host.cpuid.leaf(7, 0);
    let (mut ebx, mut ecx) = (host.ebx & LEAF7_EBX, host.ecx & LEAF7_ECX);
    if !has_state(table, XCR0_AVX) {
        ebx &= !LEAF7_EBX_AVX;
        ecx &= !LEAF7_ECX_AVX;
    }
    if !has_state(table, XCR0_AVX512) {
        ebx &= !LEAF7_EBX_AVX512;
        ecx &= !LEAF7_ECX_AVX512;
    }
    let host1 = table.host.cpuid.leaf(7, 1);
    let eax1 = if has_state(table, XCR0_AVX) { host1.eax & LEAF7_1_EAX } else { 0 };
    table.add_subleaf(7, 0, [1, ebx, ecx, host.edx & LEAF7_EDX]);
    table.add_subleaf(7, 1, [eax1, 0, 0, 0]);
}

/// Leaves 15h and 16h: the TSC's ratio to the APIC timer's clock (1 GHz), and nominal frequencies.
fn append_frequencies(table: &mut Table<'_>) {
    let tsc_khz = table.host.tsc_khz;
    let apic_khz = super::paravirtual::APIC_BUS_KHZ;
    table.add(0x15, [apic_khz, tsc_khz, apic_khz * 1000, 0]);
    let mhz = tsc_khz / 1000;
    table.add(0x16, [mhz, mhz, apic_khz / 1000, 0]);
}

/// Adds the leaves from 8000_0000h on, except those of [`topology`].
pub(super) fn append_extended(table: &mut Table<'_>) {
    let host = &table.host.cpuid;
    let (host0, host1) = (host.leaf(EXTENDED_LEAF_FIRST, 0), host.leaf(0x8000_0001, 0));
    let (host7, host8, host21) =
        (host.leaf(0x8000_0007, 0), host.leaf(0x8000_0008, 0), host.leaf(0x8000_0021, 0));
    let highest = match table.vendor {
        Vendor::Amd => host0.eax.clamp(0x8000_001E, super::EXTENDED_LEAF_MAX),
        Vendor::Intel => 0x8000_0008,
    };
    table.add(EXTENDED_LEAF_FIRST, [highest, host0.ebx, host0.ecx, host0.edx]);
    let mut ecx = host1.ecx & EXTENDED1_ECX;
    if table.vcpus == 1 {
        ecx &= !topology::CMP_LEGACY;
    }
    // AMD's processor type and package are not ours to tell; EBX is the brand id.
    table.add(0x8000_0001, [host1.eax, 0, ecx, host1.edx & EXTENDED1_EDX]);
    for leaf in [0x8000_0002, 0x8000_0003, 0x8000_0004, 0x8000_0005, 0x8000_0006] {
        table.pass_through(leaf);
    }
    table.add(0x8000_0007, [0, 0, 0, host7.edx & EXTENDED7_EDX]);
    // EAX: physical bits as far as the nested tables reach, virtual bits from the host.
    let address_bits = host8.eax & 0xFF00 | table.host.guest_address_bits.min(0xFF);
    let (ebx, ecx) = (host8.ebx & EXTENDED8_EBX, topology::extended8_ecx(table));
    table.add(0x8000_0008, [address_bits, ebx, ecx, 0]);
    if table.vendor == Vendor::Amd {
        table.pass_through(0x8000_0019);
        table.pass_through(0x8000_001A);
        table.add(0x8000_0021, [host21.eax & EXTENDED21_EAX, 0, 0, 0]);
    }
}

/// Whether the guest gets XSAVE at all.
pub(super) fn has_xsave(table: &Table<'_>) -> bool {
    table.host.guest_xcr0 != 0 && table.host.cpuid.leaf(1, 0).ecx & 1 << 26 != 0
}

fn has_state(table: &Table<'_>, components: u64) -> bool {
    has_xsave(table) && table.host.guest_xcr0 & components == components
}
