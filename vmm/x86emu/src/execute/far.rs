//! Far jumps, calls and returns at the same privilege level. They come here when a descriptor lies where it cannot be
//! marked as accessed (in ROM), or the pointer or stack lies in device memory. Gates and other privilege levels are
//! left out.

use super::{
    Step,
    descriptor::{Descriptor, Transfer},
    flags::{self},
};
use crate::{
    Fault, FullProcessor, Mode, Platform, Segment, SegmentRegister, Width,
    decode::Operand,
    fault::GENERAL_PROTECTION,
    system::{DEFAULT, LONG},
};

const RFLAGS_IF: u64 = 1 << 9;
const RFLAGS_IOPL: u64 = 3 << 12;
const RFLAGS_NT: u64 = 1 << 14;
const RFLAGS_VM: u64 = 1 << 17;
/// What IRET always loads: arithmetic flags, TF, DF, NT, RF, AC, ID.
const RFLAGS_RETURNED: u64 =
    flags::ARITHMETIC | 1 << 8 | flags::DIRECTION | RFLAGS_NT | 1 << 16 | 1 << 18 | 1 << 21;

/// Where a far transfer leads, checked.
struct Target {
    segment: Segment,
    offset: u64,
    /// For marking as accessed; without protection there is none.
    descriptor: Option<Descriptor>,
}

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn far_jump(&mut self) -> Result<(), Fault> {
        let (selector, offset) = self.far_operand()?;
        let target = self.far_target(selector, offset, Transfer::Branch)?;
        self.go_far(&target)
    }

    pub(super) fn far_call(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let (selector, offset) = self.far_operand()?;
        let target = self.far_target(selector, offset, Transfer::Branch)?;
        let old = u64::from(self.cpu.segment(SegmentRegister::Cs).selector);
        let upper = self.stack_place(width.bytes(), width)?;
        let lower = self.stack_place(2 * width.bytes(), width)?;
        let next = self.next;
        self.go_far(&target)?;
        self.write_place(&upper, width, old);
        self.write_place(&lower, width, next);
        self.drop_from_stack(0u64.wrapping_sub(2 * width.bytes()));
        Ok(())
    }

    pub(super) fn far_return(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let offset = self.stack_value(0, width)?;
        let selector = self.stack_value(width.bytes(), width)? as u16;
        let target = self.far_target(selector, offset, Transfer::Return)?;
        let dropped = (2 * width.bytes()).wrapping_add(self.instruction.constant);
        let stack_width = self.cpu.stack_width();
        self.go_far(&target)?;
        self.drop_from_stack_of(stack_width, dropped);
        Ok(())
    }

    /// IRET. Task returns and those to virtual-8086 mode are not for here.
    pub(super) fn interrupt_return(&mut self) -> Result<(), Fault> {
        let width = self.instruction.width;
        let is_protected = !self.cpu.has_plain_segments();
        if is_protected && self.cpu.flags() & RFLAGS_NT != 0 {
            return Err(if self.is_long_mode() { Fault::GENERAL_PROTECTION } else { Fault::Unsupported });
        }
        let offset = self.stack_value(0, width)?;
        let selector = self.stack_value(width.bytes(), width)? as u16;
        let new_flags = self.stack_value(2 * width.bytes(), width)?;
        if is_protected && width == Width::W32 && new_flags & RFLAGS_VM != 0 && !self.is_long_mode() {
            return Err(Fault::Unsupported);
        }
        let target = self.far_target(selector, offset, Transfer::Return)?;
        // 64-bit mode takes the stack back in any case.
        let stack = if self.cpu.mode() == Mode::Bits64 {
            let pointer = self.stack_value(3 * width.bytes(), width)?;
            let selector = self.stack_value(4 * width.bytes(), width)? as u16;
            Some((pointer, self.loaded_segment(SegmentRegister::Ss, selector)?))
        } else {
            None
        };
        let stack_width = self.cpu.stack_width();
        self.go_far(&target)?;
        match stack {
            Some((pointer, segment)) => {
                self.cpu.set_register(4, pointer);
                self.cpu.set_segment(SegmentRegister::Ss, segment);
            }
            None => self.drop_from_stack_of(stack_width, 3 * width.bytes()),
        }
        self.return_flags(new_flags, width);
        Ok(())
    }

    /// The system changes everything, others what their level allows.
    fn return_flags(&mut self, new: u64, width: Width) {
        let (old, level) = (self.cpu.flags(), u64::from(self.cpu.privilege_level()));
        let mut mask = RFLAGS_RETURNED;
        if level == 0 {
            mask |= RFLAGS_IOPL;
        }
        if level <= (old & RFLAGS_IOPL) >> 12 {
            mask |= RFLAGS_IF;
        }
        let mask = mask & width.mask();
        self.cpu.set_flags(old & !mask | new & mask);
    }

    fn far_operand(&mut self) -> Result<(u16, u64), Fault> {
        match self.instruction.operand {
            Operand::Memory(_) => self.far_pointer(),
            Operand::Register(_) => {
                let constant = self.instruction.constant;
                Ok(((constant >> 32) as u16, constant & 0xFFFF_FFFF))
            }
        }
    }

    /// Checks where a transfer leads. Nothing has changed yet.
    fn far_target(&mut self, selector: u16, offset: u64, transfer: Transfer) -> Result<Target, Fault> {
        let (segment, descriptor) = if self.cpu.has_plain_segments() {
            (self.plain_segment(SegmentRegister::Cs, selector), None)
        } else {
            let found = self.code_segment(selector, transfer)?;
            (found.segment, Some(found))
        };
        let is_inside = if self.is_long_mode() && segment.attributes & LONG != 0 {
            self.paging().is_canonical(offset)
        } else {
            offset & 0xFFFF_FFFF <= u64::from(segment.limit)
        };
        if !is_inside {
            return Err(Fault::of_selector(GENERAL_PROTECTION, 0));
        }
        Ok(Target { segment, offset, descriptor })
    }

    fn go_far(&mut self, target: &Target) -> Result<(), Fault> {
        let segment = match target.descriptor {
            Some(descriptor) => self.mark_accessed(descriptor)?,
            None => target.segment,
        };
        self.cpu.set_segment(SegmentRegister::Cs, segment);
        let is_long = self.is_long_mode() && segment.attributes & LONG != 0;
        debug_assert!(!is_long || segment.attributes & DEFAULT == 0);
        self.next = if is_long { target.offset } else { target.offset & 0xFFFF_FFFF };
        Ok(())
    }
}
