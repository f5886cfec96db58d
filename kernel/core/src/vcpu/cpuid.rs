//! The guest's CPUID: a table from the VMM, looked up in constant time.

use super::hardware::VirtualCpu;
use super::processor::Vcpu;
use crate::machine::{ExtendedState, Machine};
use abi::{CPUID_ENTRIES_MAX, CpuidEntry, Error, GPR_RAX, GPR_RBX, GPR_RCX, GPR_RDX};
use alloc::vec::Vec;
use spec::control::{CR4_OSXSAVE, CR4_PKE};
use spec::cpuid::{ECX1_OSXSAVE, ECX1_X2APIC, ECX7_OSPKE, EDX1_APIC, EXTENDED, HYPERVISOR, LEAF_XSAVE};

/// Leaves of one range that are found by index.
const RANGE_LEAVES: usize = 64;
/// Ranges: basic, hypervisor, extended, and one that never exists. The range is the top two bits of the leaf.
const RANGES: usize = 4;
/// Leaf 0xd.1 EAX: XSAVES.
const EAX_XSAVES: u32 = 1 << 3;
/// Leaf 0xd.n ECX: the component is aligned in the compacted format.
const ECX_ALIGNED: u32 = 1 << 1;
/// No line: there are fewer.
const NONE: u8 = u8::MAX;

/// What of a line depends on the guest's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Patch {
    None,
    /// Leaf 1: OSXSAVE and APIC.
    Features,
    /// Leaf 0x8000_0001: APIC.
    ExtendedFeatures,
    /// Leaf 7.0: OSPKE.
    StructuredFeatures,
    /// Leaf 0xd.0: the size of the enabled components in standard format.
    XsaveSize,
    /// Leaf 0xd.1: in compacted format.
    CompactedSize,
}

/// One line of the table. 32 bytes, so that finding one is a shift.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Line {
    /// EAX, EBX, ECX, EDX.
    answer: [u32; 4],
    leaf: u32,
    subleaf: u32,
    has_subleaf: bool,
    /// The answer is the same for all subleaves and states.
    is_plain: bool,
    patch: Patch,
}

impl Line {
    /// What a missing leaf answers.
    const ZERO: Self = Self {
        answer: [0; 4],
        leaf: u32::MAX,
        subleaf: 0,
        has_subleaf: false,
        is_plain: true,
        patch: Patch::None,
    };
}

/// A checked CPUID table.
pub(super) struct CpuidTable {
    /// For each leaf (rotated so that its range is in the low bits) the first line that answers it, after the rule for
    /// leaves above the largest of their range.
    index: [u8; RANGE_LEAVES * RANGES],
    /// The same for leaves whose answer is plain; no line at all for others.
    plain: [u8; RANGE_LEAVES * RANGES],
    /// Sorted by leaf and subleaf; the last one is [`Line::ZERO`].
    lines: Vec<Line>,
    /// The largest leaf of each range; `None` = the range does not exist.
    largest: [Option<u32>; RANGES],
    /// Bytes of the XSAVE area in standard format for the XCR0 it was computed for.
    xsave_bytes: u32,
    /// The same in compacted format.
    compacted_bytes: u32,
    /// XCR0 bits that leaf 0xd offers; all if there is no such leaf.
    xcr0: u64,
}

impl CpuidTable {
    /// A processor that answers zeros.
    pub(super) const fn empty() -> Self {
        Self {
            index: [NONE; RANGE_LEAVES * RANGES],
            plain: [NONE; RANGE_LEAVES * RANGES],
            lines: Vec::new(),
            largest: [None; RANGES],
            xsave_bytes: 0,
            compacted_bytes: 0,
            xcr0: u64::MAX,
        }
    }

    /// Checks and indexes the VMM's table.
    pub(super) fn new(entries: &[CpuidEntry]) -> Result<Self, Error> {
        if entries.len() > CPUID_ENTRIES_MAX {
            return Err(Error::LimitReached);
        }
        let mut table = Self::empty();
        table.lines.try_reserve_exact(entries.len() + 1).map_err(|_| Error::NoMemory)?;
        table.lines.extend(entries.iter().map(Line::new));
        table.lines.sort_unstable_by_key(|line| (line.leaf, line.subleaf));
        let pairs = table.lines.iter().zip(table.lines.iter().skip(1));
        for (first, second) in pairs {
            let is_same = first.leaf == second.leaf;
            let is_clear = first.has_subleaf && second.has_subleaf && first.subleaf != second.subleaf;
            if is_same && !is_clear {
                return Err(Error::BadArgument);
            }
        }
        table.lines.push(Line::ZERO);
        table.build_index()?;
        table.xcr0 = table.offered_xcr0();
        Ok(table)
    }

    fn build_index(&mut self) -> Result<(), Error> {
        for (range, base) in [0, HYPERVISOR, EXTENDED].into_iter().enumerate() {
            self.largest[range] = self.find(base, 0).map(|line| line.answer[0]);
        }
        // At most `CPUID_ENTRIES_MAX` + 1 lines: the numbers fit.
        let zero = (self.lines.len() - 1) as u8;
        let beyond =
            self.largest[0].and_then(|leaf| self.first_line(leaf)).map_or(zero, |number| number as u8);
        for (place, slot) in (0u32..).zip(&mut self.index) {
            let leaf = place.rotate_right(2);
            let largest = self.largest[(leaf >> 30) as usize % RANGES];
            *slot = if largest.is_none_or(|largest| leaf > largest) { beyond } else { zero };
        }
        for number in (0..zero).rev() {
            let leaf = self.lines[usize::from(number)].leaf;
            let slot =
                self.index.get_mut(place(leaf)).filter(|_| leaf >> 30 < 3).ok_or(Error::BadArgument)?;
            if self.largest[(leaf >> 30) as usize % RANGES].is_some_and(|largest| leaf <= largest) {
                *slot = number;
            }
        }
        for (plain, number) in self.plain.iter_mut().zip(self.index) {
            let is_plain = self.lines.get(usize::from(number)).is_some_and(|line| line.is_plain);
            *plain = if is_plain { number } else { NONE };
        }
        Ok(())
    }

    fn offered_xcr0(&self) -> u64 {
        let Some(line) = self.find(LEAF_XSAVE, 0) else { return u64::MAX };
        u64::from(line.answer[0]) | u64::from(line.answer[3]) << 32
    }

    /// XCR0 bits that the guest may set as far as the table goes.
    pub(super) fn xcr0(&self) -> u64 {
        self.xcr0
    }

    /// Whether the guest is told of x2APIC mode.
    pub(super) fn has_x2apic(&self) -> bool {
        self.find(1, 0).is_some_and(|line| line.answer[2] & ECX1_X2APIC != 0)
    }

    /// Whether the guest is told of XSAVES.
    fn has_xsaves(&self) -> bool {
        self.find(LEAF_XSAVE, 1).is_some_and(|line| line.answer[0] & EAX_XSAVES != 0)
    }

    /// Family, model and stepping: leaf 1 EAX.
    pub(super) fn signature(&self) -> u32 {
        self.find(1, 0).map_or(0, |line| line.answer[0])
    }

    /// The line for a leaf, after the rule for leaves above the largest of their range.
    fn lookup(&self, leaf: u32, subleaf: u32) -> &Line {
        let number = match self.index.get(place(leaf)) {
            Some(number) => usize::from(*number),
            None => self.lookup_far(leaf),
        };
        let Some(first) = self.lines.get(number) else { return &Line::ZERO };
        if !first.has_subleaf {
            return first;
        }
        let rest = self.lines.iter().skip(number).take_while(|line| line.leaf == first.leaf);
        rest.into_iter().find(|line| line.subleaf == subleaf).unwrap_or(&Line::ZERO)
    }

    /// The first line for a leaf that the index does not reach.
    fn lookup_far(&self, leaf: u32) -> usize {
        match (self.largest[(leaf >> 30) as usize % RANGES], self.largest[0]) {
            (Some(largest), _) if leaf <= largest => usize::MAX,
            (_, Some(largest)) => self.first_line(largest).unwrap_or(usize::MAX),
            _ => usize::MAX,
        }
    }

    /// The number of the first line of a leaf.
    fn first_line(&self, leaf: u32) -> Option<usize> {
        self.lines.iter().position(|line| line.leaf == leaf)
    }

    /// The line of exactly this leaf.
    fn find(&self, leaf: u32, subleaf: u32) -> Option<&Line> {
        self.lines.iter().find(|line| line.leaf == leaf && (!line.has_subleaf || line.subleaf == subleaf))
    }

    /// Computes what leaf 0xd says about the enabled components. To be called when XCR0 or the table changes.
    pub(super) fn set_xcr0(&mut self, xcr0: u64) {
        // The legacy area and the header (Intel SDM vol. 1, 13.4).
        let (mut bytes, mut compacted) = (576, 576u32);
        for component in (2..63).filter(|component| xcr0 & 1 << component != 0) {
            if let Some(line) = self.find(LEAF_XSAVE, component) {
                bytes = bytes.max(line.answer[0].saturating_add(line.answer[1]));
                // Intel SDM vol. 1, 13.4.3.
                let is_aligned = line.answer[2] & ECX_ALIGNED != 0;
                let start = if is_aligned { compacted.checked_next_multiple_of(64) } else { Some(compacted) };
                compacted = start.unwrap_or(u32::MAX).saturating_add(line.answer[0]);
            }
        }
        self.xsave_bytes = bytes;
        self.compacted_bytes = compacted;
    }
}

impl Line {
    fn new(entry: &CpuidEntry) -> Self {
        let patch = match (entry.leaf, entry.subleaf) {
            (1, _) => Patch::Features,
            (7, 0) => Patch::StructuredFeatures,
            (LEAF_XSAVE, 0) => Patch::XsaveSize,
            (LEAF_XSAVE, 1) => Patch::CompactedSize,
            (0x8000_0001, _) => Patch::ExtendedFeatures,
            _ => Patch::None,
        };
        Self {
            is_plain: entry.has_subleaf == 0 && patch == Patch::None,
            leaf: entry.leaf,
            subleaf: if entry.has_subleaf != 0 { entry.subleaf } else { 0 },
            has_subleaf: entry.has_subleaf != 0,
            patch,
            answer: [entry.eax, entry.ebx, entry.ecx, entry.edx],
        }
    }
}

/// Place of a leaf in the index; past its end for leaves that are not in there.
#[inline(always)]
fn place(leaf: u32) -> usize {
    leaf.rotate_left(2) as usize
}

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// CPUID: the answer goes to the four registers, whose upper halves become zero.
    #[inline(always)]
    pub(super) fn answer_cpuid(&mut self) {
        let leaf = self.gpr(GPR_RAX) as u32;
        if let Some(number) = self.cpuid.plain.get(place(leaf))
            && let Some(line) = self.cpuid.lines.get(usize::from(*number))
        {
            return self.put_cpuid(line.answer);
        }
        self.answer_cpuid_slowly(leaf);
    }

    fn answer_cpuid_slowly(&mut self, leaf: u32) {
        let line = self.cpuid.lookup(leaf, self.gpr(GPR_RCX) as u32);
        let (mut answer, patch) = (line.answer, line.patch);
        if matches!(patch, Patch::XsaveSize | Patch::CompactedSize) {
            // Whoever adopted XCR0 (a thread switch, this) the answer is about the one that is in force now.
            self.extended.adopt_xcr0();
            self.cpuid.set_xcr0(self.extended.xcr0());
        }
        self.patch_cpuid(&mut answer, patch);
        self.put_cpuid(answer);
    }

    #[inline(always)]
    fn put_cpuid(&mut self, answer: [u32; 4]) {
        self.set_gpr(GPR_RAX, u64::from(answer[0]));
        self.set_gpr(GPR_RBX, u64::from(answer[1]));
        self.set_gpr(GPR_RCX, u64::from(answer[2]));
        self.set_gpr(GPR_RDX, u64::from(answer[3]));
    }

    fn patch_cpuid(&self, answer: &mut [u32; 4], patch: Patch) {
        let set = |word: &mut u32, bit: u32, is_on: bool| *word = *word & !bit | if is_on { bit } else { 0 };
        let has_apic = self.lapic.mode() != super::lapic::Mode::Disabled;
        match patch {
            Patch::None => {}
            Patch::Features => {
                set(&mut answer[2], ECX1_OSXSAVE, self.hardware.cr4() & CR4_OSXSAVE != 0);
                set(&mut answer[3], EDX1_APIC, has_apic);
            }
            Patch::ExtendedFeatures => set(&mut answer[3], EDX1_APIC, has_apic),
            Patch::StructuredFeatures => set(&mut answer[2], ECX7_OSPKE, self.hardware.cr4() & CR4_PKE != 0),
            Patch::XsaveSize => answer[1] = self.cpuid.xsave_bytes,
            Patch::CompactedSize => answer[1] = self.cpuid.compacted_bytes,
        }
    }

    /// Whether the guest has XSAVES, and with it IA32_XSS.
    pub(super) fn has_xsaves(&self) -> bool {
        self.facts.has_xsaves && self.cpuid.has_xsaves()
    }

    /// Takes the VMM's table over.
    pub(super) fn set_cpuid(&mut self, entries: &[CpuidEntry]) -> Result<(), Error> {
        let mut table = CpuidTable::new(entries)?;
        table.set_xcr0(self.extended.xcr0());
        *self.cpuid = table;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(leaf: u32, subleaf: Option<u32>, answer: [u32; 4]) -> CpuidEntry {
        CpuidEntry {
            leaf,
            subleaf: subleaf.unwrap_or(0),
            has_subleaf: u32::from(subleaf.is_some()),
            eax: answer[0],
            ebx: answer[1],
            ecx: answer[2],
            edx: answer[3],
        }
    }

    /// The rule of [`CpuidEntry`], word for word.
    fn naive(entries: &[CpuidEntry], leaf: u32, subleaf: u32) -> [u32; 4] {
        let find = |leaf, subleaf| {
            entries.iter().find(|e| e.leaf == leaf && (e.has_subleaf == 0 || e.subleaf == subleaf))
        };
        let largest = |base| find(base, 0).map(|e| e.eax);
        let leaf = match largest(leaf & 0xc000_0000) {
            Some(largest) if leaf <= largest => leaf,
            _ => match largest(0) {
                Some(largest) => largest,
                None => return [0; 4],
            },
        };
        find(leaf, subleaf).map_or([0; 4], |e| [e.eax, e.ebx, e.ecx, e.edx])
    }

    fn sample() -> Vec<CpuidEntry> {
        vec![
            entry(0, None, [0xd, 1, 2, 3]),
            entry(1, None, [4, 5, 6, 7]),
            entry(7, Some(0), [1, 70, 71, 72]),
            entry(7, Some(1), [73, 74, 75, 76]),
            entry(0xd, Some(0), [7, 0, 832, 0]),
            entry(0xd, Some(1), [1, 0, 0, 0]),
            entry(0xd, Some(2), [256, 576, 0, 0]),
            entry(0x4000_0000, None, [0x4000_0001, 8, 9, 10]),
            entry(0x4000_0001, None, [11, 12, 13, 14]),
            entry(0x8000_0000, None, [0x8000_0008, 15, 16, 17]),
            entry(0x8000_0008, None, [48, 0, 0, 0]),
        ]
    }

    #[test]
    fn a_lookup_agrees_with_the_rule() {
        let entries = sample();
        let table = CpuidTable::new(&entries).unwrap();
        for base in [0u32, 0x4000_0000, 0x8000_0000, 0xc000_0000] {
            for leaf in base..base + 80 {
                for subleaf in 0..4 {
                    let found = table.lookup(leaf, subleaf).answer;
                    assert_eq!(found, naive(&entries, leaf, subleaf), "{leaf:#x}.{subleaf}");
                }
            }
        }
    }

    #[test]
    fn a_table_with_two_answers_is_refused() {
        let twice = [entry(1, None, [0; 4]), entry(1, None, [0; 4])];
        let mixed = [entry(1, None, [0; 4]), entry(1, Some(1), [0; 4])];

        assert_eq!(CpuidTable::new(&twice).err(), Some(Error::BadArgument));
        assert_eq!(CpuidTable::new(&mixed).err(), Some(Error::BadArgument));
        assert_eq!(CpuidTable::new(&[entry(0xc000_0000, None, [0; 4])]).err(), Some(Error::BadArgument));
        assert_eq!(CpuidTable::new(&[entry(1, None, [0; 4]); 129]).err(), Some(Error::LimitReached));
    }

    #[test]
    fn the_xsave_size_follows_xcr0() {
        let mut table = CpuidTable::new(&sample()).unwrap();
        table.set_xcr0(3);
        assert_eq!(table.xsave_bytes, 576);
        table.set_xcr0(7);
        assert_eq!(table.xsave_bytes, 832);
    }

    #[test]
    fn the_compacted_size_leaves_no_gaps_but_for_alignment() {
        let mut entries = sample();
        entries.push(entry(0xd, Some(5), [64, 1088, 0, 0]));
        entries.push(entry(0xd, Some(6), [8, 1152, 0, 0]));
        entries.push(entry(0xd, Some(7), [1024, 1664, 2, 0]));
        let mut table = CpuidTable::new(&entries).unwrap();

        table.set_xcr0(0xe7);

        assert_eq!(
            table.compacted_bytes,
            576 + 256 + 64 + 64 + 1024,
            "the 8 bytes of component 6 are padded"
        );
    }

    proptest! {
        #[test]
        fn any_table_is_taken_or_refused_without_harm(
            raw in proptest::collection::vec((0u32..70, 0u32..4, 0u32..2, any::<u32>()), 0..40),
            range in 0u32..4,
            leaf in any::<u32>(),
        ) {
            let entries: Vec<_> = raw.iter()
                .map(|&(leaf, subleaf, has, eax)| entry(range << 30 | leaf, (has == 1).then_some(subleaf), [eax, 0, 0, 0]))
                .collect();
            if let Ok(table) = CpuidTable::new(&entries) {
                for leaf in [leaf, range << 30 | leaf & 63] {
                    let found = table.lookup(leaf, 1).answer;
                    prop_assert_eq!(found, naive(&entries, leaf, 1));
                }
            }
        }
    }
}
