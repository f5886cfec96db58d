//! Segment registers: the neutral form and the one of the control structure. Pure, so that it is tested on Linux.

use abi::SegmentState;
use kernel_core::vcpu::Segment;
use spec::vmx::RIGHTS_UNUSABLE;

/// Type, S, DPL and P.
const LOW: u32 = 0xff;
/// S: code or data.
const CODE_OR_DATA: u32 = 1 << 4;
/// DPL.
const LEVEL: u32 = 3 << 5;
/// P.
const PRESENT: u32 = 1 << 7;
/// G: the limit counts pages.
const GRANULARITY: u32 = 1 << 15;
/// AVL, L and D stand 4 bits higher than in the neutral form.
const HIGH_SHIFT: u32 = 4;
const HIGH: u32 = 0xf000;
/// A segment was loaded.
const ACCESSED: u32 = 1;
/// Types of LDT and TSS.
const TYPE: u32 = 0xf;
const TYPE_LDT: u32 = 2;
const TYPE_BUSY: u32 = 1 << 1;
const TYPE_TSS_16: u32 = 3;
const TYPE_TSS: u32 = 11;

/// Access rights and limit for a segment register (Intel SDM vol. 3, 25.4.1), made so that an entry takes them
/// (27.3.1.2): what is loaded is accessed, a task register busy, and G fits the limit.
pub fn rights(segment: Segment, state: &SegmentState) -> (u32, u32) {
    let attributes = u32::from(state.attributes);
    let raw = attributes & LOW | attributes << HIGH_SHIFT & HIGH;
    let rights = match segment {
        Segment::Tr => {
            let kind =
                if raw & TYPE & !TYPE_BUSY == TYPE_TSS_16 & !TYPE_BUSY { TYPE_TSS_16 } else { TYPE_TSS };
            raw & !(TYPE | CODE_OR_DATA) | kind | PRESENT
        }
        _ if raw & PRESENT == 0 && segment != Segment::Cs => {
            return (RIGHTS_UNUSABLE | raw & LEVEL, state.limit);
        }
        Segment::Ldtr => raw & !(TYPE | CODE_OR_DATA) | TYPE_LDT,
        Segment::Cs => raw | CODE_OR_DATA | ACCESSED | PRESENT | 1 << 3,
        _ => raw | CODE_OR_DATA | ACCESSED,
    };
    if state.limit >> 20 != 0 {
        return (rights | GRANULARITY, state.limit | 0xfff);
    }
    let is_odd = state.limit & 0xfff != 0xfff;
    (if is_odd { rights & !GRANULARITY } else { rights }, state.limit)
}

/// The neutral form of access rights.
pub fn attributes(rights: u32) -> u16 {
    let attributes = rights & LOW | (rights & HIGH) >> HIGH_SHIFT;
    // An unusable register has no more than its level, which says for SS at which level the guest runs.
    (if rights & RIGHTS_UNUSABLE != 0 { attributes & LEVEL } else { attributes }) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(attributes: u16, limit: u32) -> SegmentState {
        SegmentState { selector: 8, attributes, limit, base: 0 }
    }

    #[test]
    fn flat_code_survives() {
        let (raw, limit) = rights(Segment::Cs, &state(0xa9b, u32::MAX));
        assert_eq!((raw, limit), (0xa09b, u32::MAX));
        assert_eq!(attributes(raw), 0xa9b);
    }

    #[test]
    fn a_null_segment_is_unusable_and_keeps_its_level() {
        let (raw, _) = rights(Segment::Ss, &state(0x60, 0));
        assert_eq!(raw, RIGHTS_UNUSABLE | 0x60);
        assert_eq!(attributes(raw), 0x60);
    }

    #[test]
    fn a_loaded_task_register_is_busy() {
        assert_eq!(rights(Segment::Tr, &state(0x89, 0x67)).0, 0x8b);
        assert_eq!(rights(Segment::Tr, &state(0x81, 0x2b)).0, 0x83);
        assert_eq!(rights(Segment::Tr, &state(0, 0)).0, 0x8b);
    }

    #[test]
    fn real_mode_segments_stay_small() {
        assert_eq!(rights(Segment::Ds, &state(0x93, 0xffff)), (0x93, 0xffff));
    }

    proptest! {
        #[test]
        fn limits_and_granularity_always_fit(attributes in 0u16..0x1000, limit: u32, index in 0usize..6) {
            let (raw, limit) = rights(Segment::PROGRAM[index], &state(attributes, limit));
            prop_assume!(raw & RIGHTS_UNUSABLE == 0);
            let is_large = raw & GRANULARITY != 0;
            prop_assert!(limit & 0xfff == 0xfff || !is_large);
            prop_assert!(limit >> 20 == 0 || is_large);
            prop_assert_eq!(raw & (CODE_OR_DATA | ACCESSED | PRESENT), CODE_OR_DATA | ACCESSED | PRESENT);
            prop_assert_eq!(raw & 0xfff0_0f00, 0);
        }
    }
}
