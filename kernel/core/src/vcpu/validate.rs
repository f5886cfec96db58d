//! Which register values hardware takes: what a guest writes and ring 3 sets passes through here.

use super::hardware::Facts;
use abi::{RegisterState, SegmentState};
use spec::control::{
    CR0_CD, CR0_ET, CR0_NW, CR0_PE, CR0_PG, CR0_VALID, CR4_LA57, CR4_PAE, CR4_PCIDE, RFLAGS_VALID, RFLAGS_VM,
    XCR0_AMX, XCR0_AVX, XCR0_AVX512, XCR0_MPX, XCR0_SSE, XCR0_X87,
};
use spec::msr::{self, EFER_LMA, EFER_LME};

/// CS attributes: 64-bit code.
const CODE_LONG: u16 = 1 << 9;
/// CS attributes: default size is 32 bits.
const CODE_DEFAULT: u16 = 1 << 10;

/// The value that EFER takes when the guest writes `value`; `None` is #GP(0). LMA is not the guest's to write.
pub(super) fn next_efer(valid: u64, cr0: u64, old: u64, value: u64) -> Option<u64> {
    if value & !valid != 0 {
        return None;
    }
    let changes_mode = (old ^ value) & EFER_LME != 0;
    if changes_mode && cr0 & CR0_PG != 0 {
        return None;
    }
    Some(value & !EFER_LMA | old & EFER_LMA)
}

/// What a write of `value` to CR0 leads to: CR0 and EFER, or `None` for #GP(0) (AMD APM vol. 2, 3.1.1 and 14.6.1).
pub(super) fn next_cr0(state: ControlState, value: u64) -> Option<(u64, u64)> {
    let is_bad_pair =
        value & CR0_NW != 0 && value & CR0_CD == 0 || value & CR0_PG != 0 && value & CR0_PE == 0;
    if value >> 32 != 0 || is_bad_pair {
        return None;
    }
    let new = value & CR0_VALID | CR0_ET;
    let (was_paging, is_paging) = (state.cr0 & CR0_PG != 0, new & CR0_PG != 0);
    let mut efer = state.efer;
    if is_paging && !was_paging && efer & EFER_LME != 0 {
        if state.cr4 & CR4_PAE == 0 || state.code_attributes & CODE_LONG != 0 {
            return None;
        }
        efer |= EFER_LMA;
    }
    if was_paging && !is_paging {
        let is_long = efer & EFER_LMA != 0 && state.code_attributes & CODE_LONG != 0;
        if is_long || state.cr4 & CR4_PCIDE != 0 {
            return None;
        }
        efer &= !EFER_LMA;
    }
    Some((new, efer))
}

/// Whether the guest may write `value` to CR4.
pub(super) fn is_cr4_valid(valid: u64, state: ControlState, value: u64) -> bool {
    let is_long = state.efer & EFER_LMA != 0;
    let changed = state.cr4 ^ value;
    value & !valid == 0
        && !(is_long && (value & CR4_PAE == 0 || changed & CR4_LA57 != 0))
        && !(value & CR4_PCIDE != 0 && changed & CR4_PCIDE != 0 && (!is_long || state.cr3 & 0xfff != 0))
}

/// The registers that rules about control registers look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct ControlState {
    pub(super) cr0: u64,
    pub(super) cr3: u64,
    pub(super) cr4: u64,
    pub(super) efer: u64,
    pub(super) code_attributes: u16,
}

/// Whether XSETBV takes `value` (Intel SDM vol. 1, 13.3).
pub(super) fn is_xcr0_valid(valid: u64, value: u64) -> bool {
    let all_or_none = |group: u64| value & group == 0 || value & group == group;
    value & !valid == 0
        && value & XCR0_X87 != 0
        && (value & XCR0_AVX == 0 || value & XCR0_SSE != 0)
        && (value & XCR0_AVX512 == 0 || value & XCR0_AVX != 0)
        && all_or_none(XCR0_AVX512)
        && all_or_none(XCR0_MPX)
        && all_or_none(XCR0_AMX)
}

/// Whether an address is canonical for 48 bits, or 57 with LA57.
pub(super) fn is_canonical(address: u64, has_la57: bool) -> bool {
    let unused = if has_la57 { 7 } else { 16 };
    ((address << unused) as i64 >> unused) as u64 == address
}

/// Whether an MSR that the hardware holds takes `value`. Addresses are as wide as the processor has them, whatever the guest's
/// CR4 says (Intel SDM vol. 3, 4.5.2).
pub(super) fn is_msr_valid(facts: &Facts, number: u32, value: u64) -> bool {
    match number {
        msr::LSTAR
        | msr::CSTAR
        | msr::FS_BASE
        | msr::GS_BASE
        | msr::KERNEL_GS_BASE
        | msr::SYSENTER_ESP
        | msr::SYSENTER_EIP => is_canonical(value, facts.cr4_valid & CR4_LA57 != 0),
        msr::PAT => value.to_le_bytes().iter().all(|kind| matches!(kind, 0 | 1 | 4 | 5 | 6 | 7)),
        msr::SFMASK | msr::SYSENTER_CS | msr::TSC_AUX => value >> 32 == 0,
        _ => true,
    }
}

/// Whether hardware runs this state (AMD APM vol. 2, 15.5.1; Intel SDM vol. 3, 27.3.1), where the backend does
/// not make it so by itself.
pub(super) fn is_state_valid(facts: &Facts, state: &RegisterState) -> bool {
    is_control_valid(facts, state)
        && are_segments_valid(state)
        && state.rflags & !RFLAGS_VALID == 0
        && state.cr8 <= 15
        && state.activity & !0x1f == 0
        && (state.pending_event == 0 || super::hardware::Event::unpack(state.pending_event).is_some())
        && is_saved_xcr0_valid(facts, state.xcr0)
        && are_debug_valid(state)
}

/// A processor without XSAVE has no XCR0, which reads as 0.
fn is_saved_xcr0_valid(facts: &Facts, value: u64) -> bool {
    facts.xcr0_valid == 0 && value == 0 || is_xcr0_valid(facts.xcr0_valid | XCR0_X87, value)
}

fn is_control_valid(facts: &Facts, state: &RegisterState) -> bool {
    let (cr0, cr4, efer) = (state.cr0, state.cr4, state.efer);
    let is_paging = cr0 & CR0_PG != 0;
    let is_long = efer & EFER_LME != 0 && is_paging;
    let cr3_mask = (1u64 << facts.physical_bits) - 1;
    cr0 & !CR0_VALID == 0
        && !(cr0 & CR0_NW != 0 && cr0 & CR0_CD == 0)
        && !(is_paging && cr0 & CR0_PE == 0)
        && cr4 & !facts.cr4_valid == 0
        && efer & !(facts.efer_valid | EFER_LMA) == 0
        && (efer & EFER_LMA != 0) == is_long
        && !(is_long && cr4 & CR4_PAE == 0)
        && (cr4 & CR4_PCIDE == 0 || is_long)
        && state.cr3 & !cr3_mask == 0
}

fn are_segments_valid(state: &RegisterState) -> bool {
    let [_, code, stack, ..] = &state.segments;
    let is_long = state.efer & EFER_LMA != 0;
    let has_la57 = state.cr4 & CR4_LA57 != 0;
    let is_code_valid = !(is_long && code.attributes & CODE_LONG != 0 && code.attributes & CODE_DEFAULT != 0);
    let bases = state.segments.iter().chain([&state.ldtr, &state.tr]).map(|segment| segment.base);
    let tables = [state.gdt_base, state.idt_base];
    // RIP in 64-bit mode is canonical; elsewhere it has 32 bits.
    let is_rip_valid = match is_long && code.attributes & CODE_LONG != 0 {
        true => is_canonical(state.rip, has_la57),
        false => state.rip >> 32 == 0,
    };
    is_code_valid
        && is_rip_valid
        && bases.chain(tables).all(|base| is_canonical(base, has_la57))
        && state.gdt_limit <= 0xffff
        && state.idt_limit <= 0xffff
        && state.segments.iter().all(|segment| segment.attributes >> 12 == 0)
        && is_privilege_consistent(state, stack)
}

/// In virtual-8086 mode the privilege level is 3 whatever the segments say; a real-mode program has 0.
fn is_privilege_consistent(state: &RegisterState, stack: &SegmentState) -> bool {
    let level = stack.attributes >> 5 & 3;
    match state.cr0 & CR0_PE != 0 {
        false => level == 0 && state.rflags & RFLAGS_VM == 0,
        true => state.rflags & RFLAGS_VM == 0 || state.efer & EFER_LMA == 0,
    }
}

fn are_debug_valid(state: &RegisterState) -> bool {
    let [_, _, _, _, status, control] = state.debug;
    status >> 32 == 0 && control >> 32 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTECTED: ControlState =
        ControlState { cr0: CR0_PE | CR0_ET, cr3: 0, cr4: 0, efer: 0, code_attributes: CODE_DEFAULT };

    #[test]
    fn paging_without_protection_faults() {
        assert_eq!(next_cr0(PROTECTED, CR0_PG), None);
        assert_eq!(next_cr0(PROTECTED, CR0_NW | CR0_PE), None);
        assert_eq!(next_cr0(PROTECTED, 1 << 32 | CR0_PE), None);
    }

    #[test]
    fn long_mode_becomes_active_with_paging() {
        let state = ControlState { cr4: CR4_PAE, efer: EFER_LME, ..PROTECTED };
        let (_, efer) = next_cr0(state, CR0_PE | CR0_PG).unwrap();
        assert_eq!(efer, EFER_LME | EFER_LMA);

        let without_pae = ControlState { efer: EFER_LME, ..PROTECTED };
        assert_eq!(next_cr0(without_pae, CR0_PE | CR0_PG), None);
    }

    #[test]
    fn paging_cannot_end_in_64_bit_mode() {
        let state = ControlState {
            cr0: CR0_PE | CR0_PG,
            cr4: CR4_PAE,
            efer: EFER_LME | EFER_LMA,
            code_attributes: CODE_LONG,
            ..PROTECTED
        };
        assert_eq!(next_cr0(state, CR0_PE), None);
        let compatible = ControlState { code_attributes: CODE_DEFAULT, ..state };
        assert_eq!(next_cr0(compatible, CR0_PE), Some((CR0_PE | CR0_ET, EFER_LME)));
    }

    #[test]
    fn efer_keeps_lma_and_refuses_unknown_bits() {
        assert_eq!(next_efer(EFER_LME, CR0_PG, EFER_LME | EFER_LMA, EFER_LME), Some(EFER_LME | EFER_LMA));
        assert_eq!(next_efer(EFER_LME, CR0_PG, EFER_LME | EFER_LMA, 0), None);
        assert_eq!(next_efer(EFER_LME, 0, 0, msr::EFER_SVME), None);
    }

    #[test]
    fn xcr0_groups_stand_or_fall_together() {
        let valid = 0x602e7;
        assert!(is_xcr0_valid(valid, 7));
        assert!(!is_xcr0_valid(valid, 5));
        assert!(!is_xcr0_valid(valid, 0x27));
        assert!(is_xcr0_valid(valid, 0xe7));
        assert!(!is_xcr0_valid(valid, 0x20007));
        assert!(!is_xcr0_valid(valid, 6));
    }

    #[test]
    fn msrs_take_addresses_that_the_processor_has() {
        let narrow = Facts::default();
        let wide = Facts { cr4_valid: CR4_LA57, ..narrow };
        for number in [msr::LSTAR, msr::CSTAR, msr::KERNEL_GS_BASE, msr::SYSENTER_EIP] {
            assert!(!is_msr_valid(&narrow, number, 1 << 47));
            assert!(is_msr_valid(&wide, number, 1 << 47));
            assert!(!is_msr_valid(&wide, number, 1 << 56));
        }
    }

    #[test]
    fn a_processor_without_xsave_has_no_xcr0() {
        assert!(is_saved_xcr0_valid(&Facts::default(), 0));
        assert!(!is_saved_xcr0_valid(&Facts::default(), 3));
        assert!(!is_saved_xcr0_valid(&Facts { xcr0_valid: 7, ..Facts::default() }, 0));
    }

    #[test]
    fn canonical_addresses_repeat_the_top_bit() {
        assert!(is_canonical(0x0000_7fff_ffff_ffff, false));
        assert!(!is_canonical(0x0000_8000_0000_0000, false));
        assert!(is_canonical(0x0000_8000_0000_0000, true));
        assert!(is_canonical(u64::MAX, false));
    }
}
