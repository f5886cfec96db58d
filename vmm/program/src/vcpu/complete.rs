//! All registers of a vCPU, as the emulator wants them. What ring 0 does not share is asked for when an instruction
//! needs it, and given back at the end.

use super::processor::Registers;
use alloc::{boxed::Box, vec::Vec};
use core::cell::OnceCell;
use user_rt::{Error, RegisterState, SegmentState, VcpuRunner, cpuid, system_info};
use vmm_x86emu::{
    Beyond, Fault, FullProcessor, Processor, Segment, SegmentRegister, SystemSegment, Table, TableRegister,
};

/// XSAVE area (Intel SDM vol. 1, 13.4): XMM0, the components that are not in their initial state, and the upper halves of
/// the YMM registers, whose place all processors agree on.
const XMM: usize = 160;
const PRESENT: usize = 512;
const YMM_HIGH: usize = 576;
/// Bits of [`PRESENT`].
const HAS_SSE: u64 = 1 << 1;
const HAS_AVX: u64 = 1 << 2;
const HAS_ZMM_HIGH: u64 = 1 << 6;
/// CPUID: features, among them that ring 0 has turned XSAVE on.
const FEATURE_LEAF: u32 = 1;
const OSXSAVE: u32 = 1 << 27;
/// CPUID: XSAVE components, and the one with the upper halves of ZMM0 to ZMM15.
const XSAVE_LEAF: u32 = 0xD;
const ZMM_HIGH_SUBLEAF: u32 = 6;
/// [`RegisterState::activity`]: interrupt shadow.
const SHADOW: u64 = 1 << 2;

/// A vCPU whose instruction is emulated.
pub(crate) struct Complete<'a> {
    registers: Registers,
    runner: &'a mut VcpuRunner,
    state: OnceCell<Box<RegisterState>>,
    is_state_changed: bool,
    vectors: OnceCell<Vec<u8>>,
    are_vectors_changed: bool,
}

impl<'a> Complete<'a> {
    /// The calling thread's vCPU.
    pub(crate) fn new(runner: &'a mut VcpuRunner) -> Self {
        Self {
            registers: Registers::new(runner.page()),
            runner,
            state: OnceCell::new(),
            is_state_changed: false,
            vectors: OnceCell::new(),
            are_vectors_changed: false,
        }
    }

    /// Gives back what was changed.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        if self.is_state_changed
            && let Some(mut state) = self.state.take()
        {
            state.gpr = core::array::from_fn(|index| self.registers.register(index));
            state.rip = self.registers.instruction_pointer();
            state.rflags = self.registers.flags();
            state.activity &= !SHADOW;
            self.runner.set_registers(&state)?;
        }
        match self.vectors.take() {
            Some(area) if self.are_vectors_changed => self.runner.write_xsave(&area),
            _ => Ok(()),
        }
    }

    /// The event that was being delivered is delivered.
    pub(crate) fn forget_event(&mut self) {
        self.change(|state| state.pending_event = 0);
    }

    /// Raises a fault instead of what was emulated: nothing is given back.
    pub(crate) fn abandon(mut self, fault: Fault) {
        self.registers.inject(fault);
    }

    fn state(&self) -> &RegisterState {
        // Reading one's own vCPU fails only for want of memory in the buffer, which is large enough.
        self.state.get_or_init(|| Box::new(self.runner.registers().unwrap_or_default()))
    }

    fn change(&mut self, change: impl FnOnce(&mut RegisterState)) {
        self.state();
        if let Some(state) = self.state.get_mut() {
            change(state);
            self.is_state_changed = true;
        }
    }

    fn vectors(&self) -> &[u8] {
        self.vectors.get_or_init(|| {
            let mut area = alloc::vec![0; system_info().xsave_bytes as usize];
            let length = self.runner.read_xsave(&mut area).unwrap_or(0);
            area.truncate(length);
            if cpuid(FEATURE_LEAF, 0).ecx & OSXSAVE == 0 {
                // Without XSAVE the area is FXSAVE's, which always has all of its registers.
                put_word(&mut area, PRESENT, HAS_SSE);
            }
            area
        })
    }
}

impl Processor for Complete<'_> {
    fn register(&self, index: usize) -> u64 {
        self.registers.register(index)
    }

    fn set_register(&mut self, index: usize, value: u64) {
        self.registers.set_register(index, value);
    }

    fn instruction_pointer(&self) -> u64 {
        self.registers.instruction_pointer()
    }

    fn set_instruction_pointer(&mut self, value: u64) {
        self.registers.set_instruction_pointer(value);
    }

    fn flags(&self) -> u64 {
        self.registers.flags()
    }

    fn set_flags(&mut self, value: u64) {
        self.registers.set_flags(value);
    }

    fn cr0(&self) -> u64 {
        self.registers.cr0()
    }

    fn cr3(&self) -> u64 {
        self.registers.cr3()
    }

    fn cr4(&self) -> u64 {
        self.registers.cr4()
    }

    fn efer(&self) -> u64 {
        self.registers.efer()
    }

    fn segment_base(&self, segment: SegmentRegister) -> u64 {
        self.registers.segment_base(segment)
    }

    fn code_attributes(&self) -> u16 {
        self.registers.code_attributes()
    }

    fn privilege_level(&self) -> u8 {
        self.registers.privilege_level()
    }
}

impl FullProcessor for Complete<'_> {
    fn segment(&self, segment: SegmentRegister) -> Segment {
        self.state().segments.get(segment as usize).map_or_else(Segment::default, shown)
    }

    fn set_segment(&mut self, segment: SegmentRegister, value: Segment) {
        self.registers.note_segment(segment, &value);
        self.change(|state| {
            if let Some(register) = state.segments.get_mut(segment as usize) {
                *register = held(&value);
            }
        });
    }

    fn system_segment(&self, segment: SystemSegment) -> Segment {
        let state = self.state();
        shown(match segment {
            SystemSegment::LocalTable => &state.ldtr,
            SystemSegment::Task => &state.tr,
        })
    }

    fn set_system_segment(&mut self, segment: SystemSegment, value: Segment) {
        self.change(|state| {
            let register = match segment {
                SystemSegment::LocalTable => &mut state.ldtr,
                SystemSegment::Task => &mut state.tr,
            };
            *register = held(&value);
        });
    }

    fn table(&self, table: Table) -> TableRegister {
        let state = self.state();
        let (base, limit) = match table {
            Table::Global => (state.gdt_base, state.gdt_limit),
            Table::Interrupt => (state.idt_base, state.idt_limit),
        };
        TableRegister { base, limit: limit as u16 }
    }

    fn set_table(&mut self, table: Table, value: TableRegister) {
        self.change(|state| {
            let (base, limit) = match table {
                Table::Global => (&mut state.gdt_base, &mut state.gdt_limit),
                Table::Interrupt => (&mut state.idt_base, &mut state.idt_limit),
            };
            (*base, *limit) = (value.base, u32::from(value.limit));
        });
    }

    fn set_cr0(&mut self, value: u64) {
        self.registers.note_cr0(value);
        self.change(|state| state.cr0 = value);
    }

    fn set_cr3(&mut self, value: u64) {
        self.registers.note_cr3(value);
        self.change(|state| state.cr3 = value);
    }

    fn debug_status(&self) -> u64 {
        let [.., status, _] = self.state().debug;
        status
    }

    fn set_debug_status(&mut self, value: u64) {
        self.change(|state| {
            let [.., status, _] = &mut state.debug;
            *status = value;
        });
    }

    fn debug_control(&self) -> u64 {
        let [.., control] = self.state().debug;
        control
    }

    fn set_debug_control(&mut self, value: u64) {
        self.change(|state| {
            let [.., control] = &mut state.debug;
            *control = value;
        });
    }

    fn xcr0(&self) -> u64 {
        self.state().xcr0
    }

    fn vector(&self, index: u8) -> Option<[u64; 4]> {
        let area = self.vectors();
        let present = word(area, PRESENT)?;
        let part = |component: u64, start: usize| {
            let at = start + 16 * usize::from(index & 15);
            let (low, high) = (word(area, at), word(area, at + 8));
            // A component in its initial state may have anything in its place; an area without AVX ends before it.
            match (low, high) {
                (Some(low), Some(high)) if present & component != 0 => [low, high],
                _ => [0, 0],
            }
        };
        let ([first, second], [third, fourth]) = (part(HAS_SSE, XMM), part(HAS_AVX, YMM_HIGH));
        Some([first, second, third, fourth])
    }

    fn set_vector(&mut self, index: u8, value: [u64; 4], beyond: Beyond) {
        self.vectors();
        let Some(area) = self.vectors.get_mut() else { return };
        let at = 16 * usize::from(index & 15);
        let [first, second, third, fourth] = value;
        begin(area, HAS_SSE, XMM);
        put(area, XMM + at, [first, second]);
        if [third, fourth] != [0, 0] || word(area, PRESENT).is_some_and(|present| present & HAS_AVX != 0) {
            begin(area, HAS_AVX, YMM_HIGH);
            put(area, YMM_HIGH + at, [third, fourth]);
        }
        if beyond == Beyond::Cleared && word(area, PRESENT).is_some_and(|present| present & HAS_ZMM_HIGH != 0)
        {
            let start = cpuid(XSAVE_LEAF, ZMM_HIGH_SUBLEAF).ebx as usize;
            put(area, start + 2 * at, [0, 0]);
            put(area, start + 2 * at + 16, [0, 0]);
        }
        self.are_vectors_changed = true;
    }
}

fn shown(held: &SegmentState) -> Segment {
    Segment { selector: held.selector, attributes: held.attributes, limit: held.limit, base: held.base }
}

fn held(shown: &Segment) -> SegmentState {
    SegmentState {
        selector: shown.selector,
        attributes: shown.attributes,
        limit: shown.limit,
        base: shown.base,
    }
}

/// A word of an area; `None` behind its end.
fn word(area: &[u8], at: usize) -> Option<u64> {
    area.get(at..).and_then(|rest| rest.first_chunk()).map(|bytes| u64::from_le_bytes(*bytes))
}

/// Replaces 16 bytes, if the area has them.
fn put(area: &mut [u8], at: usize, words: [u64; 2]) {
    for (offset, value) in [0, 8].into_iter().zip(words) {
        put_word(area, at + offset, value);
    }
}

fn put_word(area: &mut [u8], at: usize, value: u64) {
    if let Some(place) = area.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = value.to_le_bytes();
    }
}

/// Takes a component of sixteen registers out of its initial state, in which all of them are zero.
fn begin(area: &mut [u8], component: u64, start: usize) {
    let Some(present) = word(area, PRESENT) else { return };
    let Some(registers) = area.get_mut(start..start + 256) else { return };
    if present & component == 0 {
        registers.fill(0);
        put_word(area, PRESENT, present | component);
    }
}
