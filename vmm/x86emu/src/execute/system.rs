//! Selectors, descriptor tables and the machine status word.

use super::{Step, descriptor::Descriptor, virtual_memory::Place};
use crate::{
    Fault, FullProcessor, Mode, Platform, Segment, SegmentRegister, SystemSegment, Table, TableRegister,
    Width,
    decode::{Operand, SystemOperation},
    fault::{GENERAL_PROTECTION, NOT_PRESENT},
    paging::Intent,
    system::PRESENT,
};

/// Type of an LDT.
const TYPE_LOCAL_TABLE: u16 = 2;
/// Type of an available task state, of 32 or 64 bits; and of 16 bits, which long mode does not know.
const TYPE_TASK: u16 = 9;
const TYPE_TASK_16: u16 = 1;
/// A task state is busy.
pub(super) const TYPE_BUSY: u16 = 2;
/// Bits of a type, with S.
pub(super) const TYPE_MASK: u16 = 0x1F;
/// CR0: protection enable, and what LMSW changes besides.
const CR0_PE: u64 = 1 << 0;
const CR0_STATUS: u64 = 0xE;
/// CR4: only the system reads its tables' places.
const CR4_UMIP: u64 = 1 << 11;

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn system(&mut self, operation: SystemOperation) -> Result<(), Fault> {
        match operation {
            SystemOperation::StoreSelector(segment) => {
                self.check_may_look()?;
                self.store_selector(self.cpu.system_segment(segment).selector)
            }
            SystemOperation::LoadSelector(SystemSegment::LocalTable) => self.load_local_table(),
            SystemOperation::LoadSelector(SystemSegment::Task) => self.load_task(),
            SystemOperation::StoreTable(table) => self.store_table(table),
            SystemOperation::LoadTable(table) => self.load_table(table),
            SystemOperation::StoreStatus => {
                self.check_may_look()?;
                self.store_selector(self.cpu.cr0() as u16)
            }
            SystemOperation::LoadStatus => self.load_status(),
            SystemOperation::StoreSegment(segment) => self.store_selector(self.cpu.segment(segment).selector),
            SystemOperation::LoadSegment(segment) => {
                let selector = self.read_operand(Width::W16)? as u16;
                let loaded = self.loaded_segment(segment, selector)?;
                self.cpu.set_segment(segment, loaded);
                Ok(())
            }
            SystemOperation::LoadPointer(segment) => self.load_pointer(segment),
            SystemOperation::PushSegment(segment) => {
                let selector = self.cpu.segment(segment).selector;
                self.push_value(u64::from(selector))
            }
            SystemOperation::PopSegment(segment) => self.pop_segment(segment),
            SystemOperation::FarJump => self.far_jump(),
            SystemOperation::FarCall => self.far_call(),
            SystemOperation::FarReturn => self.far_return(),
            SystemOperation::InterruptReturn => self.interrupt_return(),
            SystemOperation::Interrupt => Err(Fault::Unsupported),
        }
    }

    /// A selector or CR0's lower half: 16 bits in memory, the operand's width in a register.
    fn store_selector(&mut self, value: u16) -> Result<(), Fault> {
        let width = match self.instruction.operand {
            Operand::Register(_) => self.instruction.width,
            Operand::Memory(_) => Width::W16,
        };
        self.write_operand(width, u64::from(value))
    }

    fn check_may_look(&self) -> Result<(), Fault> {
        let is_hidden = self.cpu.cr4() & CR4_UMIP != 0 && self.cpu.privilege_level() != 0;
        if is_hidden { Err(Fault::GENERAL_PROTECTION) } else { Ok(()) }
    }

    fn check_is_system(&self) -> Result<(), Fault> {
        if self.cpu.privilege_level() != 0 { Err(Fault::GENERAL_PROTECTION) } else { Ok(()) }
    }

    fn load_local_table(&mut self) -> Result<(), Fault> {
        let selector = self.selector_for_system()?;
        if selector & !3 == 0 {
            let none = Segment { selector, ..Segment::default() };
            self.cpu.set_system_segment(SystemSegment::LocalTable, none);
            return Ok(());
        }
        let found = self.system_descriptor(selector, GENERAL_PROTECTION)?;
        if found.segment.attributes & TYPE_MASK != TYPE_LOCAL_TABLE {
            return Err(Fault::of_selector(GENERAL_PROTECTION, selector));
        }
        check_present(&found)?;
        self.cpu.set_system_segment(SystemSegment::LocalTable, found.segment);
        Ok(())
    }

    /// LTR marks the task state busy in the table; where the table is read-only memory nothing comes of that.
    fn load_task(&mut self) -> Result<(), Fault> {
        let selector = self.selector_for_system()?;
        if selector & !3 == 0 {
            return Err(Fault::GENERAL_PROTECTION);
        }
        let mut found = self.system_descriptor(selector, GENERAL_PROTECTION)?;
        let is_available = match found.segment.attributes & TYPE_MASK {
            TYPE_TASK => true,
            TYPE_TASK_16 => !self.is_long_mode(),
            _ => false,
        };
        if !is_available {
            return Err(Fault::of_selector(GENERAL_PROTECTION, selector));
        }
        check_present(&found)?;
        found.segment.attributes |= TYPE_BUSY;
        self.write_type(&found, found.segment.attributes)?;
        self.cpu.set_system_segment(SystemSegment::Task, found.segment);
        Ok(())
    }

    /// LLDT and LTR do not exist where there are no descriptors.
    fn selector_for_system(&mut self) -> Result<u16, Fault> {
        if self.cpu.has_plain_segments() {
            return Err(Fault::INVALID_OPCODE);
        }
        self.check_is_system()?;
        Ok(self.read_operand(Width::W16)? as u16)
    }

    /// Width of a table's address in memory.
    fn base_width(&self) -> Width {
        if self.cpu.mode() == Mode::Bits64 { Width::W64 } else { Width::W32 }
    }

    /// Places of limit and base.
    fn table_places(&self, intent: Intent) -> Result<(Place, Place), Fault> {
        // The decoder lets no register through.
        let Operand::Memory(address) = self.instruction.operand else { return Err(Fault::Unsupported) };
        let width = self.base_width();
        let start = self.linear_address(&address, 2 + width.bytes(), intent)?;
        let limit = self.place(start, Width::W16, intent)?;
        Ok((limit, self.place(self.behind(start, 2), width, intent)?))
    }

    fn store_table(&mut self, table: Table) -> Result<(), Fault> {
        self.check_may_look()?;
        let (limit, base) = self.table_places(Intent::Write)?;
        let value = self.cpu.table(table);
        self.write_place(&limit, Width::W16, u64::from(value.limit));
        self.write_place(&base, self.base_width(), value.base);
        Ok(())
    }

    fn load_table(&mut self, table: Table) -> Result<(), Fault> {
        self.check_is_system()?;
        let (limit, base) = self.table_places(Intent::Read)?;
        let limit = self.read_place(&limit, Width::W16) as u16;
        let mut base = self.read_place(&base, self.base_width());
        if self.base_width() == Width::W64 {
            if !self.paging().is_canonical(base) {
                return Err(Fault::GENERAL_PROTECTION);
            }
        } else if self.instruction.width == Width::W16 {
            base &= 0xFF_FFFF;
        }
        self.cpu.set_table(table, TableRegister { base, limit });
        Ok(())
    }

    /// LMSW sets PE and never clears it.
    fn load_status(&mut self) -> Result<(), Fault> {
        self.check_is_system()?;
        let value = self.read_operand(Width::W16)?;
        self.cpu.set_cr0(self.cpu.cr0() & !CR0_STATUS | value & (CR0_STATUS | CR0_PE));
        Ok(())
    }

    fn load_pointer(&mut self, segment: SegmentRegister) -> Result<(), Fault> {
        let (selector, offset) = self.far_pointer()?;
        let loaded = self.loaded_segment(segment, selector)?;
        self.set_register(offset);
        self.cpu.set_segment(segment, loaded);
        Ok(())
    }

    /// Reads a far pointer from the memory operand: offset, then selector.
    pub(super) fn far_pointer(&mut self) -> Result<(u16, u64), Fault> {
        // The decoder lets no register through.
        let Operand::Memory(address) = self.instruction.operand else { return Err(Fault::Unsupported) };
        let width = self.instruction.width;
        let start = self.linear_address(&address, width.bytes() + 2, Intent::Read)?;
        let offset_place = self.place(start, width, Intent::Read)?;
        let selector_place = self.place(self.behind(start, width.bytes()), Width::W16, Intent::Read)?;
        let offset = self.read_place(&offset_place, width);
        Ok((self.read_place(&selector_place, Width::W16) as u16, offset))
    }

    fn pop_segment(&mut self, segment: SegmentRegister) -> Result<(), Fault> {
        let selector = self.stack_value(0, Width::W16)? as u16;
        let loaded = self.loaded_segment(segment, selector)?;
        self.drop_from_stack(self.instruction.width.bytes());
        self.cpu.set_segment(segment, loaded);
        Ok(())
    }
}

fn check_present(found: &Descriptor) -> Result<(), Fault> {
    let is_present = found.segment.attributes & PRESENT != 0;
    if is_present { Ok(()) } else { Err(Fault::of_selector(NOT_PRESENT, found.segment.selector)) }
}
