//! Leaf Dh: the XSAVE area.

use super::{Table, features};

/// State components that are looked at: up to AVX-512.
pub(super) const COMPONENTS: u32 = 8;
/// State components that a guest may use: x87, SSE, AVX, AVX-512. Those of features that are hidden (MPX, protection
/// keys) would only make the area larger.
const SHOWN: u64 = 0b1110_0111;
const LEAF: u32 = 0xD;
/// Subleaf 1 EAX: XSAVEOPT, XSAVEC, XGETBV with ECX = 1, XSAVES. There are no supervisor components.
const INSTRUCTIONS: u32 = 0b1111;
/// Bytes of the legacy area and the header.
const HEADER_BYTES: u32 = 576;

/// Adds the leaf, if the guest gets XSAVE.
pub(super) fn append(table: &mut Table<'_>) {
    if !features::has_xsave(table) {
        return;
    }
    let mask = table.host.guest_xcr0 & SHOWN;
    let mut area_bytes = HEADER_BYTES;
    let mut components = alloc::vec::Vec::new();
    for component in (2..COMPONENTS).filter(|component| mask >> component & 1 != 0) {
        // Subleaf EAX: bytes of the component; EBX: its place in the standard format.
        let host = table.host.cpuid.leaf(LEAF, component);
        area_bytes = area_bytes.max(host.ebx.saturating_add(host.eax));
        components.push((component, [host.eax, host.ebx, host.ecx & 0b10, 0]));
    }
    // EBX, the size for the XCR0 of the moment, is ring 0's to patch; it never exceeds this.
    table.add_subleaf(LEAF, 0, [mask as u32, area_bytes, area_bytes, (mask >> 32) as u32]);
    let host = table.host.cpuid.leaf(LEAF, 1);
    table.add_subleaf(LEAF, 1, [host.eax & INSTRUCTIONS, area_bytes, 0, 0]);
    for (component, registers) in components {
        table.add_subleaf(LEAF, component, registers);
    }
}
