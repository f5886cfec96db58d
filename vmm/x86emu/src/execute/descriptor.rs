//! Descriptor tables: reading entries, checking them, and loading them into segment registers (AMD APM vol. 2, 4.7 to
//! 4.9; Intel SDM vol. 3, 3.4 and 5.5).

use super::Step;
use crate::{
    Fault, FullProcessor, Mode, Platform, Segment, SegmentRegister, SystemSegment, Table, Width,
    fault::{GENERAL_PROTECTION, INVALID_TASK, NOT_PRESENT, STACK},
    system::{
        DEFAULT, LONG, NO_SYSTEM, PRESENT, TYPE_ACCESSED, TYPE_CODE, TYPE_DOWN_CONFORMING, TYPE_READ_WRITE,
    },
};

const EFER_LMA: u64 = 1 << 10;
/// Selector: in the LDT.
const LOCAL: u16 = 1 << 2;
/// Attributes: the limit counts pages.
const PAGES: u16 = 1 << 11;
/// Limit and attributes of every segment in virtual-8086 mode.
const VIRTUAL_LIMIT: u32 = 0xFFFF;
const VIRTUAL_ATTRIBUTES: u16 = 0xF3;
const RFLAGS_VM: u64 = 1 << 17;

/// Where the byte with the type lies in an entry.
const TYPE_BYTE: u64 = 5;

/// An entry of a descriptor table.
#[derive(Clone, Copy)]
pub(super) struct Descriptor {
    /// Linear address.
    pub(super) at: u64,
    pub(super) segment: Segment,
}

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn is_long_mode(&self) -> bool {
        self.cpu.efer() & EFER_LMA != 0
    }

    /// Reads the entry that a selector means. Without one: exception `refusal` with the selector.
    pub(super) fn descriptor(&mut self, selector: u16, refusal: u8) -> Result<Descriptor, Fault> {
        let refused = Fault::of_selector(refusal, selector);
        let (base, limit) = if selector & LOCAL == 0 {
            let table = self.cpu.table(Table::Global);
            (table.base, u32::from(table.limit))
        } else {
            let table = self.cpu.system_segment(SystemSegment::LocalTable);
            if table.attributes & PRESENT == 0 {
                return Err(refused);
            }
            (table.base, table.limit)
        };
        let offset = selector & !7;
        if u32::from(offset) + 7 > limit {
            return Err(refused);
        }
        let at = self.behind(base, u64::from(offset));
        let raw = self.read_system(at, Width::W64)?;
        Ok(Descriptor { at, segment: unpacked(selector, raw) })
    }

    /// The entry of an LDT or a task state, which in long mode has 16 bytes, with its upper half.
    pub(super) fn system_descriptor(&mut self, selector: u16, refusal: u8) -> Result<Descriptor, Fault> {
        let refused = Fault::of_selector(refusal, selector);
        if selector & LOCAL != 0 {
            return Err(refused);
        }
        let mut found = self.descriptor(selector, refusal)?;
        if self.is_long_mode() {
            if u32::from(selector & !7) + 15 > u32::from(self.cpu.table(Table::Global).limit) {
                return Err(refused);
            }
            let upper = self.read_system(self.behind(found.at, 8), Width::W64)?;
            found.segment.base |= upper << 32;
            let is_type_clear = upper >> 40 & 0x1F == 0;
            if !is_type_clear || !self.paging().is_canonical(found.segment.base) {
                return Err(refused);
            }
        }
        Ok(found)
    }

    /// Replaces type, level and presence in the table.
    pub(super) fn write_type(&mut self, descriptor: &Descriptor, attributes: u16) -> Result<(), Fault> {
        let place = self.system_place(self.behind(descriptor.at, TYPE_BYTE), Width::W8)?;
        self.write_place(&place, Width::W8, u64::from(attributes & 0xFF));
        Ok(())
    }

    /// Notes in the table that a segment was loaded.
    pub(super) fn mark_accessed(&mut self, mut descriptor: Descriptor) -> Result<Segment, Fault> {
        if descriptor.segment.attributes & TYPE_ACCESSED == 0 {
            descriptor.segment.attributes |= TYPE_ACCESSED;
            self.write_type(&descriptor, descriptor.segment.attributes)?;
        }
        Ok(descriptor.segment)
    }

    /// What a segment register other than CS holds after `selector` was loaded.
    pub(super) fn loaded_segment(
        &mut self,
        register: SegmentRegister,
        selector: u16,
    ) -> Result<Segment, Fault> {
        if self.cpu.has_plain_segments() {
            return Ok(self.plain_segment(register, selector));
        }
        let level = self.cpu.privilege_level();
        self.checked_segment(register, selector, Loading { level, refusal: GENERAL_PROTECTION })
    }

    /// A segment of real or virtual-8086 mode. Real mode keeps limit and attributes: so big real mode is entered.
    pub(super) fn plain_segment(&self, register: SegmentRegister, selector: u16) -> Segment {
        let base = u64::from(selector) << 4;
        if self.cpu.flags() & RFLAGS_VM != 0 {
            return Segment { selector, attributes: VIRTUAL_ATTRIBUTES, limit: VIRTUAL_LIMIT, base };
        }
        Segment { selector, base, ..self.cpu.segment(register) }
    }

    /// A segment of protected mode for a register other than CS.
    pub(super) fn checked_segment(
        &mut self,
        register: SegmentRegister,
        selector: u16,
        loading: Loading,
    ) -> Result<Segment, Fault> {
        let is_stack = register == SegmentRegister::Ss;
        let (level, requested) = (loading.level, (selector & 3) as u8);
        if selector & !3 == 0 {
            let may_be_null = self.cpu.mode() == Mode::Bits64 && level < 3 && requested == level;
            if is_stack && !may_be_null {
                return Err(Fault::of_selector(loading.refusal, 0));
            }
            let attributes = if is_stack { u16::from(level) << 5 } else { 0 };
            return Ok(Segment { selector, attributes, ..Segment::default() });
        }
        let found = self.descriptor(selector, loading.refusal)?;
        let segment = found.segment;
        let has = |bits: u16| segment.attributes & bits == bits;
        let is_allowed = has(NO_SYSTEM)
            && if is_stack {
                has(TYPE_READ_WRITE) && !has(TYPE_CODE) && segment.level() == level && requested == level
            } else {
                let conforms = has(TYPE_CODE | TYPE_DOWN_CONFORMING);
                (!has(TYPE_CODE) || has(TYPE_READ_WRITE))
                    && (conforms || segment.level() >= level && segment.level() >= requested)
            };
        if !is_allowed {
            return Err(Fault::of_selector(loading.refusal, selector));
        }
        if !has(PRESENT) {
            return Err(Fault::of_selector(if is_stack { STACK } else { NOT_PRESENT }, selector));
        }
        self.mark_accessed(found)
    }

    /// The code segment that a selector means, for a transfer that leaves the privilege level as it is.
    pub(super) fn code_segment(&mut self, selector: u16, transfer: Transfer) -> Result<Descriptor, Fault> {
        let refusal = if transfer == Transfer::Task { INVALID_TASK } else { GENERAL_PROTECTION };
        if selector & !3 == 0 {
            return Err(Fault::of_selector(refusal, 0));
        }
        let mut found = self.descriptor(selector, refusal)?;
        let segment = found.segment;
        let has = |bits: u16| segment.attributes & bits == bits;
        let refused = Fault::of_selector(refusal, selector);
        if !has(NO_SYSTEM) && transfer == Transfer::Branch {
            // Gates and task states: the processor itself follows them.
            return Err(Fault::Unsupported);
        }
        let (requested, level) = ((selector & 3) as u8, self.cpu.privilege_level());
        if transfer == Transfer::Return && requested > level {
            return Err(Fault::Unsupported);
        }
        let conforms = has(TYPE_DOWN_CONFORMING);
        let is_level_right = match transfer {
            Transfer::Branch if conforms => segment.level() <= level,
            Transfer::Branch => requested <= level && segment.level() == level,
            Transfer::Return if requested < level => false,
            Transfer::Return | Transfer::Task if conforms => segment.level() <= requested,
            Transfer::Return | Transfer::Task => segment.level() == requested,
        };
        let is_bad_width = self.is_long_mode() && has(LONG | DEFAULT);
        if !has(NO_SYSTEM | TYPE_CODE) || is_bad_width || !is_level_right {
            return Err(refused);
        }
        if !has(PRESENT) {
            return Err(Fault::of_selector(NOT_PRESENT, selector));
        }
        if transfer == Transfer::Branch {
            found.segment.selector = selector & !3 | u16::from(level);
        }
        Ok(found)
    }
}

/// Who loads a segment, and which exception refuses it.
#[derive(Clone, Copy)]
pub(super) struct Loading {
    pub(super) level: u8,
    pub(super) refusal: u8,
}

/// How CS comes to be loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    /// JMP and CALL.
    Branch,
    /// RETF and IRET.
    Return,
    /// A task switch.
    Task,
}

/// Reads an entry.
fn unpacked(selector: u16, raw: u64) -> Segment {
    let attributes = (raw >> 40 & 0xFF | raw >> 44 & 0xF00) as u16;
    let limit = (raw & 0xFFFF | raw >> 32 & 0xF_0000) as u32;
    let limit = if attributes & PAGES != 0 { limit << 12 | 0xFFF } else { limit };
    let base = raw >> 16 & 0xFF_FFFF | raw >> 32 & 0xFF00_0000;
    Segment { selector, attributes, limit, base }
}
